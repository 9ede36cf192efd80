import { engineError } from '../errors.ts'

/** Loads a library that only some connectors and formats need; `user`: which one. @throws `LIBRARY_MISSING` */
export async function optionalLibrary<M>(user: string, name: string, load: () => Promise<M>): Promise<M> {
  try {
    return await load()
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw engineError('LIBRARY_MISSING', { user, name }, error)
  }
}
