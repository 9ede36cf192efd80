import { logError } from '../errors.ts'

/** Loads a native library when it is first needed: starting a broker should not pay for it, and a platform without it keeps all else. */
export function lazyLibrary(name: string, load: () => unknown): () => unknown {
  let loaded: unknown
  return () => {
    if (loaded !== undefined) return loaded
    try {
      loaded = load()
    } catch (cause) {
      throw logError('COMPRESSION_UNAVAILABLE', { name }, cause)
    }
    return loaded
  }
}
