// Terms of the game that tables of several kinds share.
export const modifier = (score) => Math.floor((score - 10) / 2)
export const abilitiesOf = (scores) =>
  Object.fromEntries(['strength', 'dexterity', 'constitution', 'intelligence', 'wisdom', 'charisma'].map((name, i) => [name, scores[i]]))

const SKILLS = {
  acrobatics: 1, animalHandling: 4, arcana: 3, athletics: 0, deception: 5, history: 3, insight: 4, intimidation: 5, investigation: 3,
  medicine: 4, nature: 3, perception: 4, performance: 5, persuasion: 5, religion: 3, sleightOfHand: 1, stealth: 1, survival: 4,
}
export const skillsOf = (scores, proficient, expert, bonus) =>
  Object.fromEntries(Object.entries(SKILLS).map(([skill, ability]) => {
    const rank = expert.includes(skill) ? 2 : proficient.includes(skill) ? 1 : 0
    return [skill, { proficiency: rank, bonus: modifier(scores[ability]) + rank * bonus }]
  }))

export const feature = (name, text, uses) => ({ name, text, ...(uses ? { uses: { current: uses[0], max: uses[1], recovers: uses[2] } } : {}) })
