// Writes the demo campaign: `node deploy/demo/make.mjs`. The JSON files beside it are what the launcher loads; change
// the tables in the modules beside it and run it again. Names, places and stories are our own; the game terms are those of fifth edition.
import { writeFileSync } from 'node:fs'

import { actors } from './actors.mjs'
import { characters } from './characters.mjs'
import { encounters, tokens } from './encounters.mjs'
import { items } from './items.mjs'

const write = (name, value) => writeFileSync(new URL(`${name}.json`, import.meta.url), JSON.stringify(value, null, 2) + '\n')

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
