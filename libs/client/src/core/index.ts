export { applyOperations, putBack, type Applied, type Undo } from "./apply.ts";
export { canonicalize } from "./canonical.ts";
export { GameState } from "./game-state.ts";
export { generateStateHash, validateStateIntegrity } from "./hash.ts";
export type { JsonArray, JsonObject, JsonPrimitive, JsonValue } from "./json.ts";
export { fromJsonPatch, type JsonPatchOperation } from "./json-patch.ts";
export { fromDifference } from "./difference.ts";
export { DEFAULT_LIMITS, NO_LIMITS, type Limits } from "./limits.ts";
export { checkOperations, parseOperations, type CheckedOperation } from "./operation.ts";
export { formatPath, parsePath } from "./path.ts";
export {
  getActorPluginData,
  getCharacterPluginData,
  getPluginData,
  setPluginData,
  updateActorState,
  updateCharacterState,
} from "./plugin.ts";
export { inverse, type Previous } from "./previous.ts";
export { Rejection, type RejectionPlace, type RejectionReason } from "./rejection.ts";
export { StateHasher, type StateSize } from "./state-hasher.ts";
export { checkStructure, emptyState } from "./structure.ts";
export { parseJson } from "./text.ts";
export type * from "./types.ts";
export { compareVersions, incrementStateVersion, isCurrentVersion, isValidNextVersion, isVersion } from "./version.ts";
