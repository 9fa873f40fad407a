// The encounters: the one that is played, on its map, and the next one.
import { characters } from './characters.mjs'

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

export const tokens = [
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

export const encounters = [
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
