import { MillraceError, type Disk } from '@millrace/core'
import { parentOf } from './filesystem/durable-folders.ts'
import { METADATA, readNamed } from './foreign-checkpoint.ts'
import { storedPathsOf, type CheckpointMetadata } from './metadata/metadata.ts'
import { isCheckpointUrl } from './object-store/checkpoint-url.ts'
import { readNamedObject } from './object-store/foreign-object.ts'
import { decodeSnapshotMetadata } from './object-store/metadata-object.ts'
import type { RemotePlaces } from './object-store/remote-places.ts'
import { withObjectStorageErrors } from './object-store/store-errors.ts'
import { disposeSavepoint } from './savepoints.ts'
import { isNotFound, withStorageErrors } from './storage-errors.ts'

/**
 * Removes a savepoint, or a checkpoint in the folder of a job that does not run any more: of that its metadata, and the state files that no other checkpoint
 * there refers to. Fine if it is not there.
 *
 * @throws CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_UNKNOWN, CHECKPOINT_STORAGE_*
 */
export async function disposeSnapshot(path: string, ports: { readonly disk: Disk; readonly places: RemotePlaces }): Promise<void> {
  const { disk, places } = ports
  try {
    if (isCheckpointUrl(path)) return await disposeObject(path, disk, places)
    const { metadata, folder } = await readNamed(disk, path)
    if (metadata.kind === 'savepoint') return void (await disposeSavepoint(disk, path))
    await withStorageErrors(folder, () => disposeCheckpoint(disk, folder, metadata))
  } catch (error) {
    if (!(error instanceof MillraceError && error.code === 'CHECKPOINT_NOT_FOUND')) throw error
  }
}

async function disposeCheckpoint(disk: Disk, folder: string, metadata: CheckpointMetadata): Promise<void> {
  const base = parentOf(folder)
  const others = (await disk.list(base)).filter((name) => /^chk-\d+$/.test(name) && `${base}/${name}` !== folder)
  const files = await unreferenced(metadata, others, (name) => disk.readFile(`${base}/${name}/${METADATA}`))
  await disk.remove(`${folder}/${METADATA}`)
  await disk.syncDirectory(folder)
  await disk.removeTree(folder)
  for (const path of files) {
    await disk.remove(`${base}/${path}`).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
  }
}

async function disposeObject(url: string, disk: Disk, places: RemotePlaces): Promise<void> {
  const { metadata, folder, base } = await readNamedObject(places, url)
  if (metadata.kind === 'savepoint') return void (await disposeSavepoint(disk, url, places))
  await withObjectStorageErrors(base.url, async () => {
    const keys = (await base.store.list(base.prefix)).map(({ key }) => key.slice(base.prefix.length))
    const own = folder.prefix.slice(base.prefix.length)
    const others = keys.filter((key) => /^chk-\d+\/_metadata$/.test(key) && !key.startsWith(own))
    const files = await unreferenced(metadata, others, (name) => base.store.get(`${base.prefix}${name}`))
    await base.store.delete([`${folder.prefix}${METADATA}`])
    if (files.length > 0) await base.store.delete(files.map((path) => `${base.prefix}${path}`))
  })
}

/** State files of a checkpoint that no other one refers to; none while there is one that cannot be read. */
async function unreferenced(
  metadata: CheckpointMetadata,
  others: readonly string[],
  read: (name: string) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<readonly string[]> {
  const used = new Set<string>()
  for (const name of others) {
    try {
      for (const path of storedPathsOf(decodeSnapshotMetadata(await read(name)))) used.add(path)
    } catch (error) {
      if (!isNotFound(error)) return []
    }
  }
  return [...storedPathsOf(metadata)].filter((path) => !used.has(path))
}
