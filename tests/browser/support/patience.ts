/** Milliseconds. Far more than anything here takes, also on a crowded machine: only what never comes takes so long. */
export const PATIENCE = 120_000;
