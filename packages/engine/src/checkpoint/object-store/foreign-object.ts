import { atOnce } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { METADATA, snapshotFolder } from '../foreign-checkpoint.ts'
import { movedFile } from '../handles.ts'
import type { LocalCopies } from '../local-copies.ts'
import { stateFilesOf, withFiles, type CheckpointMetadata } from '../metadata/metadata.ts'
import { SHARED_FOLDER } from '../filesystem/state-files.ts'
import { startGivenUp } from '../start-given-up.ts'
import { damageBy, damageOf } from '../storage-errors.ts'
import type { Damage, RestoredCheckpoint, VerifyOptions } from '../storage.ts'
import { decodeSnapshotMetadata } from './metadata-object.ts'
import { isObjectMissing, REQUESTS_AT_ONCE } from './object-store.ts'
import { ObjectStateFiles, type ObjectPlace } from './object-state-files.ts'
import type { RemotePlaces } from './remote-places.ts'
import { isObjectDamage, withObjectStorageErrors } from './store-errors.ts'

/** A checkpoint or savepoint that was named by its URL, with the place that the paths of its files are relative to. */
export interface NamedObject {
  readonly metadata: CheckpointMetadata
  /** Its own place. */
  readonly folder: ObjectPlace
  readonly base: ObjectPlace
}

/** Reads the checkpoint or savepoint at a URL: its folder, or the `_metadata` in it. @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_UNKNOWN, CHECKPOINT_STORAGE_* */
export async function readNamedObject(places: RemotePlaces, url: string): Promise<NamedObject> {
  const folder = places.place(snapshotFolder(url))
  return await withObjectStorageErrors(folder.url, async () => {
    try {
      const bytes = await folder.store.get(`${folder.prefix}${METADATA}`)
      if (bytes.length === 0) throw engineError('CHECKPOINT_NOT_FOUND', { path: url, instead: '' })
      const metadata = decodeSnapshotMetadata(bytes)
      // A savepoint has everything in its own folder; checkpoints of a job share state files, which lie beside them.
      const base = metadata.kind === 'savepoint' ? folder : places.place(folder.url.slice(0, folder.url.lastIndexOf('/')))
      return { metadata, folder, base }
    } catch (error) {
      if (isObjectMissing(error)) throw engineError('CHECKPOINT_NOT_FOUND', { path: url, instead: '' }, error)
      if (isObjectDamage(error)) throw engineError('CHECKPOINT_DAMAGED', { path: url, problem: damageOf(error) }, error)
      throw error
    }
  })
}

/** The same with its files checked; they get URLs for paths. @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_UNKNOWN, CHECKPOINT_STORAGE_* */
export async function restoreForeignObject(places: RemotePlaces, url: string, options: VerifyOptions): Promise<RestoredCheckpoint> {
  const { metadata, folder, base } = await readNamedObject(places, url)
  const damage = await withObjectStorageErrors(base.url, async () => {
    const objects = await base.store.list(`${base.prefix}${SHARED_FOLDER}/`)
    const sizes = new Map(objects.map(({ key, sizeBytes }) => [key.slice(base.prefix.length), sizeBytes]))
    return await findObjectDamage(metadata, new ObjectStateFiles(base), sizes, options)
  })
  if (damage !== undefined) throw engineError('CHECKPOINT_DAMAGED', { path: url, problem: damage.problem }, damage.cause)
  return { metadata: withFiles(metadata, (file) => movedFile(file, (name) => `${base.url}/${name}`)), path: folder.url, own: false }
}

export interface ObjectVerifyOptions extends VerifyOptions {
  /** What is whole there is not read. */
  readonly copies?: Pick<LocalCopies, 'isWhole'> | undefined
}

/** What is wrong with the state files of a checkpoint, if anything is. `sizes`: of all objects, by their paths in the place. @throws JOB_START_GIVEN_UP from `stopped` on: nothing is known then */
export async function findObjectDamage(
  metadata: CheckpointMetadata,
  stateFiles: ObjectStateFiles,
  sizes: ReadonlyMap<string, number>,
  { verify = 'full', stopped, copies }: ObjectVerifyOptions,
): Promise<Damage | undefined> {
  const files = stateFilesOf(metadata).filter(({ inline }) => inline === undefined)
  for (const { path, length, within } of files) {
    const object = within?.path ?? path
    const size = sizes.get(object)
    if (size === undefined) return damaged(object, 'it is missing')
    if (within !== undefined && size < within.offset + length) return damaged(object, `it has only ${size} bytes`)
    if (within === undefined && size !== length) return damaged(object, `it has ${size} bytes where ${length} were written`)
  }
  if (verify === 'length') return undefined
  const damages = await atOnce(REQUESTS_AT_ONCE, files, async (file) => {
    try {
      if ((await copies?.isWhole(file, stopped)) !== true) await stateFiles.verify(file, stopped)
      return undefined
    } catch (error) {
      if (stopped?.aborted === true) throw startGivenUp(metadata, stopped.reason)
      if (isObjectDamage(error)) return damageBy(error)
      throw error
    }
  })
  return damages.find((damage) => damage !== undefined)
}

function damaged(path: string, problem: string): Damage {
  return damageBy(engineError('CHECKPOINT_DAMAGED', { path, problem }))
}
