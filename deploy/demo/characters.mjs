// The players' characters.
import { carried } from './items.mjs'
import { abilitiesOf, feature, modifier, skillsOf } from './rules.mjs'
import { slots, spell } from './spells.mjs'

const character = (id, ownerId, name, sheet) => {
  const bonus = 3
  return {
    id,
    name,
    ownerId,
    pluginId: 'dnd-5e-2024',
    avatar: `/portraits/${id}.svg`,
    inventory: carried(id, sheet.equipped),
    pluginData: {
      species: sheet.species,
      class: sheet.class,
      subclass: sheet.subclass,
      background: sheet.background,
      level: 5,
      experience: 6500,
      proficiencyBonus: bonus,
      abilities: abilitiesOf(sheet.scores),
      savingThrows: sheet.saves,
      skills: skillsOf(sheet.scores, sheet.proficient, sheet.expert ?? [], bonus),
      hitPoints: { current: sheet.hp[0], maximum: sheet.hp[1], temporary: sheet.hp[2] ?? 0 },
      hitDice: { sides: sheet.die, left: sheet.hitDice ?? 5 },
      armorClass: sheet.ac,
      initiative: modifier(sheet.scores[1]),
      speed: { walk: sheet.speed ?? 30 },
      passivePerception: 10 + modifier(sheet.scores[4]) + (sheet.proficient.includes('perception') ? bonus : 0),
      senses: sheet.senses ?? {},
      languages: sheet.languages,
      conditions: sheet.conditions ?? [],
      exhaustion: 0,
      deathSaves: { successes: 0, failures: 0 },
      heroicInspiration: sheet.inspired ?? false,
      features: sheet.features,
      spells: sheet.spells ?? null,
      currency: sheet.currency,
      notes: sheet.notes,
    },
  }
}

export const characters = [
  character('char-brannoc', 'player-anna', 'Brannoc Vell', {
    species: 'Human', class: 'Fighter', subclass: 'Champion', background: 'Guard', scores: [18, 12, 16, 10, 13, 11], saves: ['strength', 'constitution'],
    proficient: ['athletics', 'perception', 'intimidation', 'insight'], hp: [38, 49], die: 10, ac: 19, languages: ['Common', 'Dwarvish'],
    equipped: ['ember-longsword', 'tower-shield', 'chain-mail'], inspired: true, currency: { gp: 84, sp: 17, cp: 42 },
    features: [
      feature('Second Wind', 'Bonus action: regain 1d10 + 5 hit points.', [2, 3, 'short rest']),
      feature('Action Surge', 'One additional action on your turn, except the Magic action.', [1, 1, 'short rest']),
      feature('Extra Attack', 'Attack twice with the Attack action.'),
      feature('Improved Critical', 'Weapon attacks score a critical hit on 19 and 20.'),
      feature('Tactical Mind', 'Spend a Second Wind to add 1d10 to a failed ability check.'),
    ],
    notes: 'Kept the ninth gate of Harrowmark until the night it was opened from within. Looks for whoever held the key.',
  }),
  character('char-ilsebeth', 'player-bela', 'Ilsebeth Marrow', {
    species: 'Wood Elf', class: 'Ranger', subclass: 'Gloom Stalker', background: 'Guide', scores: [11, 18, 14, 12, 16, 9], saves: ['strength', 'dexterity'],
    proficient: ['stealth', 'perception', 'nature', 'animalHandling'], expert: ['survival'], hp: [41, 44], die: 10, ac: 16, speed: 35,
    languages: ['Common', 'Elvish', 'Sylvan'], senses: { darkvision: 90 }, equipped: ['yew-longbow', 'studded-leather', 'boots-of-marsh'],
    currency: { gp: 61, sp: 3, cp: 9 },
    features: [
      feature('Favored Enemy', "Hunter's Mark is always prepared and can be cast without a slot.", [1, 3, 'long rest']),
      feature('Dread Ambusher', 'In the first round: 10 feet more speed, and one attack with 2d6 psychic damage more.', [2, 3, 'long rest']),
      feature('Umbral Sight', 'In darkness you are invisible to creatures that rely on darkvision.'),
      feature('Extra Attack', 'Attack twice with the Attack action.'),
    ],
    spells: { ability: 'wisdom', saveDifficulty: 14, attackBonus: 6, slots: slots([3, 4], [2, 2]), known: ['hunters-mark', 'goodberry', 'pass-without-trace'].map(spell) },
    notes: 'Grew up on the edge of the Saltmere Fen. Knows that the leaning stone did not lean ten years ago.',
  }),
  character('char-ozren', 'player-chidi', 'Ozren of the Low Tower', {
    species: 'Gnome', class: 'Wizard', subclass: 'Evoker', background: 'Scribe', scores: [8, 14, 15, 18, 12, 10], saves: ['intelligence', 'wisdom'],
    proficient: ['arcana', 'history', 'investigation', 'religion'], hp: [27, 32], die: 6, hitDice: 4, ac: 12, languages: ['Common', 'Gnomish', 'Draconic', 'Primordial'],
    senses: { darkvision: 60 }, equipped: ['star-quarterstaff', 'component-pouch'], currency: { gp: 230, sp: 0, cp: 5 },
    features: [
      feature('Arcane Recovery', 'After a short rest regain slots of combined level 3.', [0, 1, 'long rest']),
      feature('Sculpt Spells', 'Chosen creatures succeed on saves against your evocations.'),
      feature('Potent Cantrip', 'A missed or saved cantrip still deals half its damage.'),
      feature('Memorize Spell', 'After a short rest exchange one prepared spell.'),
    ],
    spells: {
      ability: 'intelligence', saveDifficulty: 15, attackBonus: 8, slots: slots([2, 4], [3, 3], [1, 2]),
      known: ['fire-bolt', 'mage-hand', 'minor-illusion', 'ray-of-frost', 'shield', 'magic-missile', 'detect-magic', 'sleep', 'misty-step', 'scorching-ray', 'fireball', 'counterspell'].map(spell),
    },
    notes: 'Copied a page from the forbidden shelf. Since then the page writes back.',
  }),
  character('char-tamsin', 'player-dora', 'Tamsin Reed', {
    species: 'Halfling', class: 'Cleric', subclass: 'Life Domain', background: 'Acolyte', scores: [14, 12, 15, 10, 18, 13], saves: ['wisdom', 'charisma'],
    proficient: ['medicine', 'religion', 'insight', 'persuasion'], hp: [33, 38, 4], die: 8, ac: 15, languages: ['Common', 'Halfling', 'Celestial'],
    equipped: ['morning-mace', 'scale-mail', 'holy-symbol'], conditions: ['poisoned'], currency: { gp: 45, sp: 22, cp: 0 },
    features: [
      feature('Channel Divinity', 'Divine Spark, Turn Undead or Preserve Life.', [2, 2, 'short rest']),
      feature('Disciple of Life', 'Healing spells restore 2 + the slot level more.'),
      feature('Sear Undead', 'Undead that fail against Turn Undead take 4d8 radiant damage.'),
      feature('Luck', 'Reroll a 1 on a d20.'),
    ],
    spells: {
      ability: 'wisdom', saveDifficulty: 15, attackBonus: 7, slots: slots([4, 4], [2, 3], [2, 2]),
      known: ['sacred-flame', 'guidance', 'light', 'bless', 'cure-wounds', 'healing-word', 'guiding-bolt', 'spiritual-weapon', 'lesser-restoration', 'spirit-guardians'].map(spell),
    },
    notes: 'Carries the last lamp of a chapel that lies under water.',
  }),
]
