// Whom the game master plays.
import { carried, items } from './items.mjs'
import { abilitiesOf, feature, modifier, skillsOf } from './rules.mjs'

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

export const actors = [
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
