// Spells: level, name, school, casting time, range (ft), what it does.
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
export const spell = (id) => {
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
export const slots = (...counts) => Object.fromEntries(counts.map(([current, max], i) => [`level${i + 1}`, { current, max }]))
