// Writes the demo campaign: `node deploy/demo/make.mjs`. The JSON files beside it are what the launcher loads; change
// the tables here and run it again. Names, places and stories are our own; the game terms are those of fifth edition.
import { writeFileSync } from 'node:fs'

const write = (name, value) => writeFileSync(new URL(`${name}.json`, import.meta.url), JSON.stringify(value, null, 2) + '\n')

const modifier = (score) => Math.floor((score - 10) / 2)
const abilitiesOf = (scores) =>
  Object.fromEntries(['strength', 'dexterity', 'constitution', 'intelligence', 'wisdom', 'charisma'].map((name, i) => [name, scores[i]]))

const SKILLS = {
  acrobatics: 1, animalHandling: 4, arcana: 3, athletics: 0, deception: 5, history: 3, insight: 4, intimidation: 5, investigation: 3,
  medicine: 4, nature: 3, perception: 4, performance: 5, persuasion: 5, religion: 3, sleightOfHand: 1, stealth: 1, survival: 4,
}
const skillsOf = (scores, proficient, expert, bonus) =>
  Object.fromEntries(Object.entries(SKILLS).map(([skill, ability]) => {
    const rank = expert.includes(skill) ? 2 : proficient.includes(skill) ? 1 : 0
    return [skill, { proficiency: rank, bonus: modifier(scores[ability]) + rank * bonus }]
  }))

// --- Items: id, name, kind, rarity, weight (lb), price (gp), owner, what it does ---------------------------------------

const ITEMS = [
  ['ember-longsword', 'Emberwake, Longsword +1', 'weapon', 'uncommon', 3, 500, 'char-brannoc', { damage: '1d8+1', versatile: '1d10+1', damageType: 'slashing', mastery: 'sap', properties: ['versatile'], attunement: true, charges: { current: 3, max: 3 } }],
  ['tower-shield', 'Shield of the Ninth Gate', 'armor', 'common', 6, 10, 'char-brannoc', { armorClass: 2, armorKind: 'shield' }],
  ['chain-mail', 'Chain Mail', 'armor', 'common', 55, 75, 'char-brannoc', { armorClass: 16, armorKind: 'heavy', strengthNeeded: 13, stealthDisadvantage: true }],
  ['javelins', 'Javelins', 'weapon', 'common', 2, 0.5, 'char-brannoc', { damage: '1d6', damageType: 'piercing', mastery: 'slow', properties: ['thrown'], range: [30, 120] }, 5],
  ['warden-horn', "Warden's Horn", 'gear', 'common', 2, 3, 'char-brannoc', {}],
  ['whetstone', 'Whetstone', 'gear', 'common', 1, 0.01, 'char-brannoc', {}],
  ['yew-longbow', 'Longbow of Grey Yew', 'weapon', 'common', 2, 50, 'char-ilsebeth', { damage: '1d8', damageType: 'piercing', mastery: 'slow', properties: ['ammunition', 'heavy', 'two-handed'], range: [150, 600] }],
  ['arrows', 'Arrows', 'ammunition', 'common', 0.05, 0.05, 'char-ilsebeth', {}, 38],
  ['twin-shortswords', 'Paired Shortswords', 'weapon', 'common', 2, 10, 'char-ilsebeth', { damage: '1d6', damageType: 'piercing', mastery: 'vex', properties: ['finesse', 'light'] }, 2],
  ['studded-leather', 'Studded Leather', 'armor', 'common', 13, 45, 'char-ilsebeth', { armorClass: 12, armorKind: 'light' }],
  ['boots-of-marsh', 'Boots of the Marsh Strider', 'wondrous', 'uncommon', 1, 400, 'char-ilsebeth', { attunement: true, effects: ['ignores difficult terrain of water and mud'] }],
  ['snare-kit', 'Snare Kit', 'tool', 'common', 8, 15, 'char-ilsebeth', {}],
  ['star-quarterstaff', 'Staff of Fallen Stars', 'weapon', 'rare', 4, 2000, 'char-ozren', { damage: '1d6', versatile: '1d8', damageType: 'bludgeoning', mastery: 'topple', properties: ['versatile'], attunement: true, spellAttackBonus: 1, charges: { current: 7, max: 10 } }],
  ['spellbook-ozren', "Ozren's Spellbook", 'gear', 'common', 3, 50, 'char-ozren', { pages: 100, used: 34 }],
  ['component-pouch', 'Component Pouch', 'focus', 'common', 2, 25, 'char-ozren', {}],
  ['pearl', 'Pearl of a Hundred Crowns', 'treasure', 'common', 0, 100, 'char-ozren', {}],
  ['ink-and-quills', 'Ink and Quills', 'gear', 'common', 0.5, 10.2, 'char-ozren', {}],
  ['scroll-of-sending', 'Scroll of Sending', 'scroll', 'uncommon', 0, 250, 'char-ozren', { spell: 'sending', level: 3 }],
  ['morning-mace', 'Mace of First Light', 'weapon', 'uncommon', 4, 450, 'char-tamsin', { damage: '1d6', damageType: 'bludgeoning', mastery: 'sap', extraDamage: { dice: '1d6', type: 'radiant', against: 'undead' } }],
  ['scale-mail', 'Scale Mail', 'armor', 'common', 45, 50, 'char-tamsin', { armorClass: 14, armorKind: 'medium', stealthDisadvantage: true }],
  ['holy-symbol', 'Symbol of the Quiet Lamp', 'focus', 'common', 1, 5, 'char-tamsin', {}],
  ['healers-kit', "Healer's Kit", 'tool', 'common', 3, 5, 'char-tamsin', { uses: { current: 8, max: 10 } }],
  ['incense', 'Blocks of Incense', 'gear', 'common', 0, 1, 'char-tamsin', {}, 6],
  ['potion-healing-1', 'Potion of Healing', 'potion', 'common', 0.5, 50, 'char-brannoc', { heals: '2d4+2' }, 2],
  ['potion-healing-2', 'Potion of Healing', 'potion', 'common', 0.5, 50, 'char-tamsin', { heals: '2d4+2' }, 3],
  ['potion-climbing', 'Potion of Climbing', 'potion', 'common', 0.5, 75, 'char-ilsebeth', { duration: '1 hour' }],
  ['bag-of-holding', 'Bag of Holding', 'wondrous', 'uncommon', 5, 4000, 'char-ozren', { capacity: 500 }],
  ['silk-rope', 'Silk Rope', 'gear', 'common', 5, 10, 'char-ilsebeth', { length: 60 }],
  ['lantern', 'Hooded Lantern', 'gear', 'common', 2, 5, 'char-brannoc', { bright: 30, dim: 30 }],
  ['oil-flasks', 'Flasks of Oil', 'gear', 'common', 1, 0.1, 'char-brannoc', {}, 4],
  ['rations', 'Rations', 'gear', 'common', 2, 0.5, 'char-tamsin', {}, 12],
  ['tent', 'Four-Person Tent', 'gear', 'common', 40, 8, 'char-brannoc', {}],
  ['map-of-the-fen', 'Map of the Saltmere Fen', 'document', 'common', 0, 20, 'char-ilsebeth', { marks: ['Hollow Weir', 'Drowned Chapel', 'the leaning stone'] }],
  ['letter-of-orla', 'Letter of Reeve Orla', 'document', 'common', 0, 0, 'char-tamsin', { sealed: false }],
  ['thieves-tools', "Thieves' Tools", 'tool', 'common', 1, 25, 'char-ilsebeth', {}],
  ['gaming-set', 'Bone Dice', 'tool', 'common', 0, 0.1, 'char-brannoc', {}],
  ['hag-eye', 'Eye on a Silver Chain', 'wondrous', 'rare', 0.1, 900, 'npc-mother-sedge', { attunement: true, effects: ['the hag sees what it sees'] }],
  ['hag-ladle', 'Ladle of Black Iron', 'weapon', 'common', 4, 2, 'npc-mother-sedge', { damage: '1d6', damageType: 'bludgeoning', properties: [] }],
  ['wight-blade', 'Blade of the Drowned Captain', 'weapon', 'uncommon', 3, 300, 'npc-captain-morrow', { damage: '1d8', damageType: 'slashing', extraDamage: { dice: '1d4', type: 'necrotic' }, mastery: 'sap' }],
  ['wight-mail', 'Barnacled Half Plate', 'armor', 'common', 40, 750, 'npc-captain-morrow', { armorClass: 15, armorKind: 'medium' }],
  ['captains-log', "Morrow's Log", 'document', 'common', 2, 0, 'npc-captain-morrow', { lastEntry: 'the water has a voice' }],
  ['poacher-crossbow', 'Light Crossbow', 'weapon', 'common', 5, 25, 'npc-jask', { damage: '1d8', damageType: 'piercing', mastery: 'slow', properties: ['ammunition', 'loading', 'two-handed'], range: [80, 320] }],
  ['poacher-bolts', 'Bolts', 'ammunition', 'common', 0.08, 0.05, 'npc-jask', {}, 17],
  ['smuggled-pearls', 'Smuggled River Pearls', 'treasure', 'common', 0.2, 60, 'npc-jask', {}, 4],
  ['reeve-chain', "The Reeve's Chain", 'treasure', 'common', 2, 250, 'npc-reeve-orla', {}],
  ['ferry-pole', 'Ferry Pole', 'weapon', 'common', 7, 0.2, 'npc-ferryman-dunn', { damage: '1d6', damageType: 'bludgeoning', properties: ['two-handed', 'reach'] }],
  ['chapel-bell', 'Bell of the Drowned Chapel', 'gear', 'rare', 220, 1500, null, { effects: ['rung at dusk, it keeps the drowned below for an hour'] }],
  ['altar-cup', 'Cup of the Quiet Lamp', 'treasure', 'uncommon', 1, 350, null, {}],
  ['rusted-key', 'Rusted Key', 'gear', 'common', 0.1, 0, null, { opens: 'the sacristy' }],
  ['sacristy-chest', 'Chest in the Sacristy', 'container', 'common', 25, 5, null, { locked: true, difficulty: 15, trap: { name: 'poisoned needle', difficulty: 13, damage: '1d4', damageType: 'poison' } }],
  ['coins-sacristy', 'Old Silver', 'treasure', 'common', 0.02, 0.1, null, {}, 340],
  ['scroll-of-lesser-restoration', 'Scroll of Lesser Restoration', 'scroll', 'uncommon', 0, 200, null, { spell: 'lesser-restoration', level: 2 }],
  ['ring-of-water-walking', 'Ring of Water Walking', 'ring', 'uncommon', 0, 1500, null, { attunement: false }],
  ['fen-lily', 'Fen Lily', 'ingredient', 'common', 0.1, 2, null, { use: 'antitoxin' }, 5],
  ['will-o-glass', 'Bottle of Will-o-Glass', 'wondrous', 'uncommon', 1, 300, null, { bright: 20, dim: 20, lies: true }],
  ['war-net', 'Net', 'weapon', 'common', 3, 1, null, { properties: ['thrown'], range: [5, 15], restrains: true }, 2],
  ['crowbar', 'Crowbar', 'gear', 'common', 5, 2, 'char-brannoc', {}],
  ['holy-water', 'Holy Water', 'gear', 'common', 1, 25, 'char-tamsin', { damage: '2d8', damageType: 'radiant', against: ['undead', 'fiend'] }, 2],
  ['driftglobe', 'Driftglobe', 'wondrous', 'uncommon', 1, 750, null, { command: 'rise' }],
  ['cloak-of-reeds', 'Cloak of Reeds', 'wondrous', 'uncommon', 1, 500, 'npc-mother-sedge', { effects: ['advantage on Stealth in marshes'] }],
  ['mule-cart', 'Cart of the Party', 'vehicle', 'common', 200, 15, null, { capacity: 400 }],
  ['weir-lever', 'Lever of the Hollow Weir', 'fixture', 'common', 60, 0, null, { position: 'shut', opensAt: 'currentEncounter' }],
  ['grave-candle', 'Grave Candles', 'gear', 'common', 0.2, 0.05, 'char-tamsin', {}, 10],
  ['iron-spikes', 'Iron Spikes', 'gear', 'common', 0.5, 0.1, 'char-ilsebeth', {}, 10],
]

const KINDS = {
  weapon: ['Proficiency with it adds to the attack roll; its mastery works for those who have trained it.', ['equipment', 'combat']],
  armor: ['Without training in it: disadvantage on every roll of Strength and Dexterity, and no spells.', ['equipment', 'combat', 'worn']],
  ammunition: ['One piece is spent with each shot; after the fight half of them are found again in a minute of search.', ['equipment', 'consumable']],
  wondrous: ['Its power shows after a short rest spent with it, or by Identify.', ['magic']],
  ring: ['Worn on a hand; its power lasts while it is worn.', ['magic', 'worn']],
  potion: ['Drinking it, or giving it to another within 5 feet, takes a bonus action. The bottle is used up.', ['magic', 'consumable']],
  scroll: ['Reading it casts the spell without components. The words fade as they are spoken.', ['magic', 'consumable']],
  focus: ['Takes the place of components that have no cost.', ['equipment']],
  tool: ['Who is proficient adds it to checks made with it, and has advantage where a skill applies as well.', ['equipment', 'tool']],
  gear: ['Ordinary goods, to be had in any town on the river.', ['equipment']],
  document: ['Ink on vellum, wrapped in oilcloth against the fen.', ['story']],
  treasure: ['Worth its price to the right buyer, and a question or two to the wrong one.', ['valuable']],
  container: ['Holds what it holds; opening it takes an action, forcing it a minute.', ['scene']],
  ingredient: ['Keeps three days once it is cut.', ['consumable', 'craft']],
  vehicle: ['Stays on the causeway: the fen swallows wheels.', ['party']],
  fixture: ['Part of the place. It does not come along.', ['scene']],
}

const items = ITEMS.map(([id, name, kind, rarity, weight, price, ownerId, details, quantity = 1]) => ({
  id: `item-${id}`,
  name,
  ownerId,
  quantity,
  pluginId: 'dnd-5e-2024',
  image: `/items/${id}.webp`,
  description: `${name}. ${KINDS[kind][0]}`,
  tags: [...KINDS[kind][1], ...(rarity === 'common' ? [] : [rarity])],
  pluginData: { kind, rarity, weight, price: { amount: price, currency: 'gp' }, identified: rarity !== 'rare', attuned: false, ...details },
}))
const carried = (ownerId, equipped) =>
  items.filter((item) => item.ownerId === ownerId).map((item) => ({ itemId: item.id, quantity: item.quantity, equipped: equipped.includes(item.id.slice(5)) }))

// --- Spells --------------------------------------------------------------------------------------------------------------

const SPELLS = {
  'fire-bolt': [0, 'Fire Bolt', 'evocation', 'action', 120, { attack: 'ranged', damage: '2d10', damageType: 'fire' }],
  'mage-hand': [0, 'Mage Hand', 'conjuration', 'action', 30, {}],
  'minor-illusion': [0, 'Minor Illusion', 'illusion', 'action', 30, {}],
  'ray-of-frost': [0, 'Ray of Frost', 'evocation', 'action', 60, { attack: 'ranged', damage: '2d8', damageType: 'cold' }],
  'sacred-flame': [0, 'Sacred Flame', 'evocation', 'action', 60, { save: 'dexterity', damage: '2d8', damageType: 'radiant' }],
  'guidance': [0, 'Guidance', 'divination', 'action', 5, { concentration: true }],
  'light': [0, 'Light', 'evocation', 'action', 5, {}],
  'shield': [1, 'Shield', 'abjuration', 'reaction', 0, {}],
  'magic-missile': [1, 'Magic Missile', 'evocation', 'action', 120, { damage: '3d4+3', damageType: 'force' }],
  'detect-magic': [1, 'Detect Magic', 'divination', 'action', 0, { concentration: true, ritual: true }],
  'sleep': [1, 'Sleep', 'enchantment', 'action', 60, { save: 'wisdom', concentration: true }],
  'bless': [1, 'Bless', 'enchantment', 'action', 30, { concentration: true }],
  'cure-wounds': [1, 'Cure Wounds', 'abjuration', 'action', 5, { heals: '2d8' }],
  'healing-word': [1, 'Healing Word', 'abjuration', 'bonus action', 60, { heals: '2d4' }],
  'guiding-bolt': [1, 'Guiding Bolt', 'evocation', 'action', 120, { attack: 'ranged', damage: '4d6', damageType: 'radiant' }],
  'hunters-mark': [1, "Hunter's Mark", 'divination', 'bonus action', 90, { concentration: true, damage: '1d6', damageType: 'force' }],
  'goodberry': [1, 'Goodberry', 'conjuration', 'action', 5, {}],
  'misty-step': [2, 'Misty Step', 'conjuration', 'bonus action', 0, {}],
  'scorching-ray': [2, 'Scorching Ray', 'evocation', 'action', 120, { attack: 'ranged', damage: '2d6', damageType: 'fire', rays: 3 }],
  'spiritual-weapon': [2, 'Spiritual Weapon', 'evocation', 'bonus action', 60, { attack: 'melee', damage: '1d8', damageType: 'force', concentration: true }],
  'pass-without-trace': [2, 'Pass without Trace', 'abjuration', 'action', 0, { concentration: true }],
  'lesser-restoration': [2, 'Lesser Restoration', 'abjuration', 'bonus action', 5, {}],
  'fireball': [3, 'Fireball', 'evocation', 'action', 150, { save: 'dexterity', damage: '8d6', damageType: 'fire', area: { shape: 'sphere', size: 20 } }],
  'counterspell': [3, 'Counterspell', 'abjuration', 'reaction', 60, { save: 'constitution' }],
  'spirit-guardians': [3, 'Spirit Guardians', 'conjuration', 'action', 0, { save: 'wisdom', damage: '3d8', damageType: 'radiant', concentration: true }],
}
const spell = (id) => {
  const [level, name, school, castingTime, range, details] = SPELLS[id]
  const text = [
    details.attack && `Make a ${details.attack} spell attack.`,
    details.save && `The target saves with ${details.save}; a success halves what it would suffer, or ends it.`,
    details.damage && `It deals ${details.damage} ${details.damageType ?? 'force'} damage.`,
    details.heals && `The target regains ${details.heals} hit points and your spellcasting modifier.`,
    level > 0 && 'With a slot of a higher level it does one die more for each level above its own.',
  ].filter(Boolean).join(' ')
  const duration = details.concentration ? { kind: 'concentration', minutes: level < 3 ? 1 : 10 } : { kind: 'instantaneous', minutes: 0 }
  return { id, name, level, school, castingTime, range, duration, components: { verbal: true, somatic: level > 0, material: school === 'divination' }, prepared: true, ...details, text }
}
const slots = (...counts) => Object.fromEntries(counts.map(([current, max], i) => [`level${i + 1}`, { current, max }]))

// --- Characters ----------------------------------------------------------------------------------------------------------

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
const feature = (name, text, uses) => ({ name, text, ...(uses ? { uses: { current: uses[0], max: uses[1], recovers: uses[2] } } : {}) })

const characters = [
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

// --- Actors ----------------------------------------------------------------------------------------------------------------

const attack = (name, bonus, damage, damageType, more = {}) => ({ name, attackBonus: bonus, damage, damageType, reach: 5, ...more })
const actor = (id, name, kind, rating, scores, hp, ac, speed, actions, more = {}) => ({
  id,
  name,
  pluginId: 'dnd-5e-2024',
  avatar: `/portraits/${id}.svg`,
  inventory: carried(id, items.filter((item) => item.ownerId === id && ['weapon', 'armor'].includes(item.pluginData.kind)).map((item) => item.id.slice(5))),
  pluginData: {
    creatureType: kind,
    challengeRating: rating,
    abilities: abilitiesOf(scores),
    hitPoints: { current: more.hp ?? hp, maximum: hp, temporary: 0 },
    armorClass: ac,
    initiative: modifier(scores[1]),
    savingThrows: Object.fromEntries(Object.entries(abilitiesOf(scores)).map(([ability, score]) => [ability, modifier(score)])),
    skills: skillsOf(scores, ['stealth', 'perception'], [], 2),
    speed,
    passivePerception: 10 + modifier(scores[4]),
    conditions: [],
    resistances: more.resistances ?? [],
    immunities: more.immunities ?? [],
    senses: more.senses ?? {},
    traits: more.traits ?? [],
    actions,
    attitude: more.attitude ?? 'hostile',
    notes: more.notes ?? '',
  },
})

const drowned = (n, maximum, hp) =>
  actor(`npc-drowned-${n}`, `Drowned Sailor ${['I', 'II', 'III', 'IV'][n - 1]}`, 'undead', 0.5, [15, 8, 14, 4, 8, 5], maximum, 11, { walk: 20, swim: 40 },
    [attack('Waterlogged Slam', 4, '1d8+2', 'bludgeoning', { effect: 'on 5 or more over the armor class: grappled (escape 12)' })],
    { hp, resistances: ['cold'], immunities: ['poison'], senses: { darkvision: 60 }, traits: [feature('Undead Fortitude', 'At 0 hit points: Constitution save against 5 + damage taken, else it falls. Not against radiant damage.')] })

const actors = [
  drowned(1, 22, 6), drowned(2, 22, 14), drowned(3, 19), drowned(4, 25),
  actor('npc-captain-morrow', 'Captain Morrow', 'undead', 4, [17, 14, 16, 12, 13, 15], 67, 15, { walk: 30, swim: 30 },
    [attack('Blade of the Drowned', 6, '1d8+3', 'slashing', { extra: '1d4 necrotic' }), attack('Life Drain', 6, '2d6+3', 'necrotic', { save: { ability: 'constitution', difficulty: 13 }, effect: 'maximum hit points fall by the damage taken' })],
    { resistances: ['necrotic', 'cold'], immunities: ['poison'], senses: { darkvision: 60 }, traits: [feature('Multiattack', 'Two attacks, one of which may be Life Drain.'), feature('Call of the Deep', 'Each drowned sailor within 60 feet moves up to its speed.', [1, 1, '5-6'])], notes: 'Will parley while the bell rings.' }),
  actor('npc-mother-sedge', 'Mother Sedge', 'fey', 5, [18, 12, 17, 13, 15, 16], 82, 17, { walk: 30, swim: 30 },
    [attack('Claw', 7, '2d8+4', 'slashing'), attack('Ladle', 7, '1d6+4', 'bludgeoning')],
    { senses: { darkvision: 60 }, traits: [feature('Illusory Appearance', 'Looks like any humanoid of her size; Investigation 20 sees through.'), feature('Mimicry', 'Imitates voices and animals; Insight 14 tells.'), feature('Bargain', 'Whoever takes her gift is marked until it is repaid.')], notes: 'Sold the captain his winds. Wants the bell melted.' }),
  actor('npc-jask', 'Jask Fenner', 'humanoid', 1, [12, 16, 12, 11, 13, 10], 27, 14, { walk: 30 },
    [attack('Light Crossbow', 5, '1d8+3', 'piercing', { range: [80, 320], reach: 0 }), attack('Knife', 5, '1d4+3', 'piercing')],
    { attitude: 'indifferent', traits: [feature('Cunning Action', 'Dash, Disengage or Hide as a bonus action.')], notes: 'Poacher. Knows the dry path and what it costs.' }),
  actor('npc-reeve-orla', 'Reeve Orla Canten', 'humanoid', 0.5, [11, 12, 13, 15, 14, 15], 22, 12, { walk: 30 },
    [attack('Rapier', 3, '1d8+1', 'piercing')], { attitude: 'friendly', notes: 'Pays 400 gp for the weir to open before the spring flood.' }),
  actor('npc-ferryman-dunn', 'Dunn the Ferryman', 'humanoid', 0.25, [15, 11, 14, 9, 12, 10], 16, 10, { walk: 30 },
    [attack('Ferry Pole', 4, '1d6+2', 'bludgeoning', { reach: 10 })], { attitude: 'friendly', notes: 'Has not spoken since he rowed the captain home.' }),
  actor('npc-marsh-lurker', 'Lurker under the Weir', 'beast', 3, [19, 10, 17, 2, 11, 5], 76, 13, { walk: 20, swim: 40 },
    [attack('Bite', 6, '2d10+4', 'piercing', { effect: 'grappled (escape 14) and restrained' })], { senses: { darkvision: 60 }, traits: [feature('Hold Breath', 'One hour.'), feature('Still Water', 'Advantage on Stealth under water.')] }),
  actor('npc-will-o-wisp', 'Pale Light', 'undead', 2, [1, 28, 10, 13, 14, 11], 27, 19, { walk: 5, fly: 50 },
    [attack('Shock', 4, '2d8', 'lightning')], { resistances: ['acid', 'cold', 'fire', 'necrotic', 'thunder'], immunities: ['lightning', 'poison'], senses: { darkvision: 120 }, traits: [feature('Vanish', 'Invisible until it attacks.'), feature('Consume Life', 'A creature at 0 hit points within 5 feet dies at a failed Constitution save of 10.')] }),
  actor('npc-brother-alder', 'Brother Alder', 'humanoid', 0.25, [10, 10, 12, 13, 16, 12], 11, 10, { walk: 25 },
    [attack('Staff', 2, '1d6', 'bludgeoning')], { attitude: 'friendly', notes: 'The last monk of the Quiet Lamp. Remembers the rite of the bell, all but its ending.' }),
]

// --- The encounter -----------------------------------------------------------------------------------------------------

const token = (id, refKind, refId, name, x, y, disposition, more = {}) => ({
  id: `token-${id}`,
  name,
  documentType: refKind,
  documentId: refId,
  position: { x, y, elevation: more.elevation ?? 0 },
  size: more.size ?? 1,
  rotation: more.rotation ?? 0,
  isVisible: !more.hidden,
  disposition,
  // Where the bar over the token takes its numbers from.
  bar: { path: `${refKind === 'character' ? 'characters' : 'actors'}.{id:${refId}}.pluginData.hitPoints`, shown: disposition === 'friendly' ? 'everyone' : 'gm' },
  light: more.light ?? null,
  vision: { isEnabled: disposition === 'friendly', range: more.sight ?? 60, mode: 'normal', angle: 360 },
  effects: [],
  lockedBy: null,
})

const tokens = [
  token('brannoc', 'character', 'char-brannoc', 'Brannoc', 7, 14, 'friendly', { light: { bright: 30, dim: 60, color: '#ffcc88' } }),
  token('ilsebeth', 'character', 'char-ilsebeth', 'Ilsebeth', 4, 16, 'friendly', { elevation: 5 }),
  token('ozren', 'character', 'char-ozren', 'Ozren', 5, 17, 'friendly'),
  token('tamsin', 'character', 'char-tamsin', 'Tamsin', 8, 16, 'friendly', { light: { bright: 20, dim: 40, color: '#ffffff' } }),
  token('drowned-1', 'actor', 'npc-drowned-1', 'Drowned Sailor I', 10, 11, 'hostile', { rotation: 180 }),
  token('drowned-2', 'actor', 'npc-drowned-2', 'Drowned Sailor II', 12, 12, 'hostile', { rotation: 180 }),
  token('drowned-3', 'actor', 'npc-drowned-3', 'Drowned Sailor III', 6, 9, 'hostile', { hidden: true }),
  token('drowned-4', 'actor', 'npc-drowned-4', 'Drowned Sailor IV', 14, 15, 'hostile', { hidden: true }),
  token('morrow', 'actor', 'npc-captain-morrow', 'Captain Morrow', 11, 7, 'hostile', { rotation: 200 }),
  token('sedge', 'actor', 'npc-mother-sedge', 'Mother Sedge', 20, 4, 'hostile', { hidden: true }),
  token('jask', 'actor', 'npc-jask', 'Jask', 2, 12, 'neutral'),
  token('wisp', 'actor', 'npc-will-o-wisp', 'A Light', 17, 9, 'hostile', { elevation: 10, light: { bright: 10, dim: 20, color: '#aaddff' } }),
]

// Walls of the chapel as the pen went: outline, pews, pillars and the broken rood screen.
const WALLS = [
  [[3, 3], [21, 3], [21, 17], [12, 17]], [[10, 17], [3, 17], [3, 3]],
  ...[6, 8, 10, 12, 14].flatMap((y) => [[[5, y], [9, y]], [[13, y], [17, y]]]),
  ...[[5, 5], [17, 5], [5, 15], [17, 15], [8, 8], [14, 8]].map(([x, y]) => [[x, y], [x + 0.5, y], [x + 0.5, y + 0.5], [x, y + 0.5], [x, y]]),
  [[7, 5.5], [9.5, 5.5]], [[12.5, 5.5], [15, 5.5]], [[16, 3], [16, 6]], [[19, 3], [19, 6]],
]
const walls = WALLS.flatMap((points, line) =>
  points.slice(1).map((to, n) => ({
    id: `wall-${line + 1}-${n + 1}`,
    from: { x: points[n][0], y: points[n][1] },
    to: { x: to[0], y: to[1] },
    blocks: { movement: true, sight: line < 2 || line > 11, light: line < 2 || line > 11 },
    door: null,
  })),
)
walls.push({ id: 'door-west', from: { x: 10, y: 17 }, to: { x: 12, y: 17 }, blocks: { movement: false, sight: false, light: false }, door: { state: 'open', locked: false, hidden: false } })
walls.push({ id: 'door-sacristy', from: { x: 21, y: 9 }, to: { x: 21, y: 11 }, blocks: { movement: true, sight: true, light: true }, door: { state: 'shut', locked: true, hidden: true, difficulty: 15 } })

// What each player's token has seen: a row of the map per text, `#` where it was.
const explored = characters.map(({ ownerId }, n) => ({
  userId: ownerId,
  rows: Array.from({ length: 20 }, (_, y) => Array.from({ length: 24 }, (_, x) => (Math.hypot(x - 6 - n, y - 15) < 7 + n ? '#' : '.')).join('')),
}))

const LOG = [
  [1, 'ilsebeth', 'attack', 'morrow', 'Longbow: 22 hits, 11 piercing, and 7 psychic from the dark'],
  [1, 'wisp', 'move', null, 'drifts over the crypt stairs and goes out'],
  [1, 'morrow', 'feature', null, 'Call of the Deep: two sailors rise beside the door'],
  [1, 'ozren', 'cast', 'drowned-1', 'Fireball, 3rd level: 28 fire; the sailors save once, Brannoc is sculpted out of it'],
  [1, 'drowned-1', 'save', null, 'Undead Fortitude 16 against 13: stands'],
  [1, 'brannoc', 'attack', 'drowned-1', 'Emberwake: 19 hits, 9 slashing; 24 hits, 11 slashing'],
  [1, 'drowned-2', 'attack', 'brannoc', 'Waterlogged Slam: 12 misses'],
  [1, 'tamsin', 'cast', 'brannoc', 'Bless on Brannoc, Ilsebeth and herself'],
  [1, 'jask', 'talk', null, 'shouts that the dry path is behind the altar, for a price'],
  [2, 'ilsebeth', 'attack', 'drowned-2', 'Longbow: 17 hits, 8 piercing; 9 misses'],
  [2, 'wisp', 'attack', 'tamsin', 'Shock: 13 misses by two'],
  [2, 'morrow', 'attack', 'brannoc', 'Blade of the Drowned: 21 hits, 8 slashing, 3 necrotic; Life Drain: 14 misses'],
]
const log = LOG.map(([round, who, action, target, text], n) => ({
  id: `log-${n + 1}`, round, tokenId: `token-${who}`, action, targetTokenId: target && `token-${target}`, text, isPublic: !['wisp'].includes(who),
}))

// Whose turn it is, and when: by the id of the character or actor, as the plugin's turns have it.
const initiative = (name, total) => ({ id: tokens.find(({ id }) => id === `token-${name}`).documentId, initiative: total })

const encounters = [
  {
    id: 'enc-drowned-chapel',
    name: 'The Bell of the Drowned Chapel',
    description: 'Knee-deep water between broken pews. The bell hangs from one chain over the altar. Under the water, the crew waits.',
    status: 'active',
    mapId: 'map-drowned-chapel',
    map: { width: 24, height: 20, grid: { kind: 'square', feet: 5, pixels: 70 } },
    turns: {
      round: 2,
      current: 3,
      order: [
        initiative('ilsebeth', 23), initiative('wisp', 21), initiative('morrow', 19), initiative('ozren', 15), initiative('brannoc', 13), initiative('drowned-1', 10),
        initiative('drowned-2', 9), initiative('tamsin', 8), initiative('jask', 7), initiative('drowned-3', 4), initiative('drowned-4', 3), initiative('sedge', 3),
      ],
    },
    tokens,
    walls,
    explored,
    log,
    regions: [
      { id: 'region-chapel', name: 'Chapel', shape: { kind: 'rectangle', x: 3, y: 3, width: 18, height: 14 }, ground: 'floor', effects: [] },
      { id: 'region-nave', name: 'Flooded nave', shape: { kind: 'rectangle', x: 3, y: 6, width: 14, height: 9 }, ground: 'water', effects: ['difficult terrain'] },
      { id: 'region-altar', name: 'Altar', shape: { kind: 'circle', x: 11, y: 5, radius: 2 }, ground: 'hallowed', effects: ['consecrated while the bell rings'] },
      { id: 'region-pit', name: 'Crypt stairs', shape: { kind: 'rectangle', x: 16, y: 3, width: 3, height: 3 }, ground: 'deep', effects: ['deep water'], isVisible: false },
    ],
    effects: [{ id: 'effect-bless', name: 'Bless', sourceId: 'char-tamsin', targetIds: ['char-brannoc', 'char-ilsebeth', 'char-tamsin'], roundsLeft: 9, concentration: true }],
    settings: { showHiddenTokensToPlayers: false, snapToGrid: true, playersMoveOwnTokens: false },
    pluginData: { 'dnd-5e-2024': { difficulty: 'high', experience: 2650, lairAction: { initiative: 20, text: 'The bell swings: each creature in the nave saves (Constitution 12) or is deafened until the next round.' } } },
  },
  {
    id: 'enc-hollow-weir',
    name: 'The Hollow Weir',
    description: 'A sluice, a lever, and what lives below it.',
    status: 'planned',
    mapId: 'map-hollow-weir',
    map: { width: 18, height: 18, grid: { kind: 'square', feet: 5, pixels: 70 } },
    tokens: [token('lurker', 'actor', 'npc-marsh-lurker', 'Lurker', 9, 9, 'hostile', { hidden: true, size: 2 })],
    walls: [],
    explored: [],
    log: [],
    regions: [],
    effects: [],
    settings: { showHiddenTokensToPlayers: false, snapToGrid: true, playersMoveOwnTokens: false },
    pluginData: {},
  },
]

write('campaign', {
  name: 'The Bells of Saltmere',
  sessionName: 'Session 7: What the Water Kept',
  gameMaster: { userId: 'gm-mira', name: 'Mira' },
  players: [
    { userId: 'player-anna', name: 'Anna' },
    { userId: 'player-bela', name: 'Béla' },
    { userId: 'player-chidi', name: 'Chidi' },
    { userId: 'player-dora', name: 'Dóra' },
  ],
  outsider: { userId: 'outsider-egon', name: 'Egon' },
})
write('characters', characters)
write('actors', actors)
write('items', items)
write('encounters', encounters)

const byteLength = (value) => Buffer.byteLength(JSON.stringify(value))
const state = { characters, actors, items, currentEncounter: encounters[0], pluginData: {} }
console.log(`${characters.length} characters, ${actors.length} actors, ${items.length} items, ${tokens.length} tokens; the state has ${byteLength(state)} bytes`)
