// Draws the faces of the demo campaign: `node deploy/demo/portraits.mjs`. The SVG files that the page serves are what is loaded; change
// this file and run it again.

import { mkdirSync, writeFileSync } from 'node:fs'

const OUT = new URL('../../services/tabletop/public/portraits/', import.meta.url)

/** Shapes on a field of 128 by 128, the face in its middle. */
const path = (d, fill, more = '') => `<path d="${d}" fill="${fill}" ${more}/>`
const oval = (x, y, rx, ry, fill, more = '') => `<ellipse cx="${x}" cy="${y}" rx="${rx}" ry="${ry}" fill="${fill}" ${more}/>`
const line = (d, stroke, width) => `<path d="${d}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round"/>`
const both = (shape) => `${shape}<g transform="matrix(-1 0 0 1 128 0)">${shape}</g>`

const shoulders = (cloth, trim) => path('M8 128c2-24 20-34 40-38h32c20 4 38 14 40 38z', cloth) + path('M48 90c4 10 28 10 32 0l4 3c-6 15-34 15-40 0z', trim)
const neck = (skin) => path('M52 76h24v14c-4 8-20 8-24 0z', skin) + path('M52 80c6 8 18 8 24 0v5c-6 7-18 7-24 0z', '#0003')
const head = (skin, width = 23, height = 28) => oval(64, 58, width, height, skin) + path(`M64 30a${width} ${height} 0 0 1 0 56c12-10 14-44 0-56z`, '#0000001c')
const eyes = (iris) => both(oval(54, 58, 4.4, 2.8, '#f4f0e6') + oval(54.4, 58.2, 2.2, 2.4, iris)) + both(line('M48 52c3-2 7-2 10 0', '#0008', 2))
const nose = line('M64 58c1 4 3 7 2 9-1 1-3 1-4 0', '#0005', 1.6)
const mouth = (bend = 2) => line(`M56 75q8 ${bend} 16 0`, '#5a2a26', 2)
const glow = (colour) => both(oval(54, 58, 6.5, 4.2, colour, 'opacity=".35"') + oval(54, 58, 3, 2.4, colour))
const face = (skin, iris, bend) => neck(skin) + head(skin) + eyes(iris) + nose + mouth(bend)

const shortHair = (colour) => path('M40 60c-4-28 10-38 24-38s28 10 24 38c-2-10-6-16-10-19-8 4-22 4-28 0-4 3-8 9-10 19z', colour)
const longHair = (colour) => path('M38 98c-8-30-6-76 26-76s34 46 26 76c-6-4-8-10-7-20 2-18 0-30-5-36-8 5-22 5-28 0-5 6-7 18-5 36 1 10-1 16-7 20z', colour)
const beard = (colour) => path('M41 62c0 30 12 40 23 40s23-10 23-40c-3 8-8 9-12 8-6-2-16-2-22 0-4 1-9 0-12-8z', colour) + line('M57 76q7 3 14 0', '#4a211e', 2)
const hood = (cloth, inside) => path('M28 110C22 50 34 12 64 12s42 38 36 98c-8 6-14 4-18-2 10-30 6-70-18-70s-28 40-18 70c-4 6-10 8-18 2z', cloth) + path('M46 108c-10-30-6-70 18-70s28 40 18 70c12-32 8-62-18-62s-30 30-18 62z', inside)
const ears = (skin) => both(path('M42 52c-8-6-14-8-18-8 2 10 8 18 17 20z', skin))

const drowned = (weed, crown) => shoulders('#33474a', '#22383a') + neck('#7f9c93') + head('#8fb0a4', 22, 28) + glow('#c8fff0') + path('M64 60l-3 8h6z', '#2c3f3c') + line('M54 76l4 2 4-2 4 2 4-2 4 2', '#243634', 2) + crown + line(weed, '#3f6b3a', 4)

const faces = {
  'char-brannoc': ['#7a3b2a', face('#d7a47c', '#4a5a2e', -1) + shoulders('#6d7480', '#b9bfc9') + shortHair('#5a3218') + beard('#6b3d1d') + line('M72 46l6 14', '#a9674c', 2)],
  'char-ilsebeth': ['#2f5b3d', longHair('#8b5a2b') + ears('#e3bd97') + face('#e3bd97', '#3f7a4a', 2) + shoulders('#35553a', '#8a6a3a') + path('M40 56c0-26 12-32 24-32s24 6 24 32c-6-12-14-18-24-18s-18 6-24 18z', '#9a6632')],
  'char-ozren': ['#3b3f7a', face('#d9ad86', '#5a4a8a', 3) + beard('#d8d4cc') + shoulders('#3a3f86', '#d8b455') + path('M34 44C48 34 58 8 74 2c-2 12 8 28 20 42-18-8-42-8-60 0z', '#2d3170') + path('M32 46c18-10 46-10 64 0l-2 6c-18-8-42-8-60 0z', '#d8b455')],
  'char-tamsin': ['#8a6a1f', face('#c98f68', '#6b4423', 4) + shoulders('#efe6d0', '#c9962f') + both(oval(42, 42, 12, 14, '#3a2317')) + path('M40 54c-2-22 10-32 24-32s26 10 24 32c-6-10-14-14-24-14s-18 4-24 14z', '#3a2317') + oval(64, 108, 7, 7, '#e8c25a') + line('M64 103v10M59 108h10', '#8a5a10', 2)],
  'npc-drowned-1': ['#1f3d45', drowned('M42 40c-6 14 2 24-4 40M84 34c6 12 0 20 4 32', '')],
  'npc-drowned-2': ['#24424a', drowned('M46 32c-10 12-4 30-8 44', path('M40 44c4-20 44-20 48 0-12-6-36-6-48 0z', '#3c3227'))],
  'npc-drowned-3': ['#1c3a40', drowned('M86 36c8 16-2 24 4 46M60 30c0 6 2 8 0 14', path('M39 46c6-26 44-26 50 0l-8-2c-10-6-24-6-34 0z', '#7a3a32') + both(oval(38, 56, 3, 5, '#7a3a32')))],
  'npc-drowned-4': ['#27484e', drowned('M40 46c-4 10 0 22-6 30', line('M44 52l18 10', '#1d2b2a', 3) + oval(55, 58, 7, 6, '#1d2b2a'))],
  'npc-captain-morrow': ['#3d1f2a', longHair('#4d5a58') + drowned('M44 70c-4 10 0 20-4 30', path('M22 40c10-8 22-24 42-24s32 16 42 24c-14 4-28-2-42-2s-28 6-42 2z', '#2a2026') + line('M24 40c14 2 28-4 40-4s26 6 40 4', '#c9a24a', 2.5) + oval(64, 28, 4, 4, '#d8d4c8')) + path('M44 66c2 22 10 30 20 30s18-8 20-30c-4 8-12 10-20 10s-16-2-20-10z', '#5d6b67')],
  'npc-mother-sedge': ['#33401f', longHair('#8f9a6a') + face('#a7b58a', '#b8860b', -2) + shoulders('#3c4a26', '#59683a') + line('M40 44C34 30 36 22 28 12M88 44c6-14 4-22 12-32M50 36c-2-10 0-16-4-24M78 36c2-10 0-16 4-24', '#5a4a2a', 4) + both(line('M48 68c3 2 5 5 5 8', '#6f7d55', 1.6))],
  'npc-jask': ['#5a4a35', face('#d2a27b', '#3b3b3b', -3) + shoulders('#4c4034', '#2f271f') + shortHair('#2b211b') + line('M50 80c8 4 20 4 28 0', '#2b211b', 3) + line('M47 64l8 6', '#9c5f4a', 2)],
  'npc-reeve-orla': ['#6a2f3d', longHair('#b9b2a6') + face('#8d5a3c', '#3a2317', 0) + shoulders('#5a2434', '#d8b455') + path('M40 54c0-24 12-32 24-32s24 8 24 32c-8-10-14-13-24-13s-16 3-24 13z', '#c9c2b4') + line('M44 98l20 14 20-14', '#d8b455', 3)],
  'npc-ferryman-dunn': ['#2d4a5a', face('#c69a76', '#2f4a5a', 1) + beard('#9a9a94') + shoulders('#3a4650', '#28323a') + path('M22 46c12-4 22-4 24-8 4-16 32-16 36 0 2 4 12 4 24 8-16 6-68 6-84 0z', '#6a5636')],
  'npc-marsh-lurker': ['#2c3a24', path('M10 128C14 70 34 44 64 44s50 26 54 84z', '#46593a') + both(oval(44, 52, 13, 13, '#5b7048') + oval(44, 52, 8, 8, '#e8d44a') + oval(44, 52, 2.4, 7, '#151a10')) + path('M28 86c22-10 50-10 72 0-10 18-62 18-72 0z', '#27321d') + both(path('M34 85l5 12 5-14 5 14 5-15 5 15 5-15v-2c-12 0-22 2-30 5z', '#e8e4d0')) + both(oval(30, 74, 3, 3, '#2f3d26') + oval(24, 100, 5, 5, '#384a2e'))],
  'npc-will-o-wisp': ['#14203a', [46, 36, 26, 16].map((radius, step) => oval(64, 64, radius, radius, '#9fd8ff', `opacity="${0.14 + step * 0.1}"`)).join('') + path('M64 22c16 20 22 30 22 44a22 22 0 0 1-44 0c0-14 6-24 22-44z', '#d9f4ff', 'opacity=".85"') + both(oval(56, 66, 3.4, 5, '#2a4a7a')) + path('M58 80q6 5 12 0-6 9-12 0z', '#2a4a7a')],
  'npc-brother-alder': ['#4a4a2a', face('#dcb48e', '#4a6a3a', 2) + shoulders('#5a4a2e', '#3f3420') + hood('#6b5836', '#3f3420') + line('M58 96l6 10 6-10', '#c9b27a', 2)],
}

mkdirSync(OUT, { recursive: true })
for (const [id, [ground, shapes]] of Object.entries(faces)) {
  const light = `<defs><radialGradient id="g" cx="40%" cy="25%" r="90%"><stop stop-color="#fff" stop-opacity=".35"/><stop offset="1" stop-color="#000" stop-opacity=".45"/></radialGradient></defs>`
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="128" height="128" viewBox="0 0 128 128">${light}<path d="M0 0h128v128H0z" fill="${ground}"/><path d="M0 0h128v128H0z" fill="url(#g)"/>${shapes}</svg>\n`
  writeFileSync(new URL(`${id}.svg`, OUT), svg)
}
