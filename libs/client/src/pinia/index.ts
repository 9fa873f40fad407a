export { watchInDevtools, type TimelineApi } from "./devtools.ts";
export { useGameStateStore, type GameStateConnection, type GameStateStore } from "./game-state-store.ts";
export { BrowserKeep, type BrowserKeepOptions, type Keep, type KeptIds } from "./keep.ts";
export { useGameSessionStore, type GameMasterStatus, type GameSessionStore } from "./session-store.ts";
