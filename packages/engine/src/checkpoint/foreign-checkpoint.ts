import type { Disk } from '@millrace/core'
import { engineError } from '../errors.ts'
import { parentOf } from './filesystem/durable-folders.ts'
import { decodeSnapshotMetadata } from './object-store/metadata-object.ts'
import { movedFile } from './handles.ts'
import type { LocalCopies } from './local-copies.ts'
import { stateFilesOf, withFiles, type CheckpointMetadata } from './metadata/metadata.ts'
import { startGivenUp } from './start-given-up.ts'
import { FilesystemStateFiles } from './filesystem/state-files.ts'
import { damageBy, damageOf, isAbsent, isDamage } from './storage-errors.ts'
import type { Damage, RestoredCheckpoint, VerifyOptions } from './storage.ts'

/** Snapshots that an error names. */
const NAMED_MAX = 5

/** The file that makes a folder a checkpoint, or a savepoint. */
export const METADATA = '_metadata'

/** The folder, or the place at a URL, of what is named by that or by the `_metadata` in it. */
export function snapshotFolder(path: string): string {
  return path.replace(/\/+$/, '').replace(new RegExp(`/${METADATA}$`), '')
}

/** A checkpoint that was named by its path, with the folder that the paths of its files are relative to. */
export interface NamedCheckpoint {
  readonly metadata: CheckpointMetadata
  readonly folder: string
  readonly base: string
}

/** Reads the checkpoint or savepoint at a path: its folder, or the `_metadata` in it. @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_UNKNOWN */
export async function readNamed(disk: Disk, path: string): Promise<NamedCheckpoint> {
  const folder = snapshotFolder(path)
  try {
    const metadata = decodeSnapshotMetadata(await disk.readFile(`${folder}/${METADATA}`))
    // A savepoint has everything in its own folder; checkpoints of a job share state files, which lie beside them.
    return { metadata, folder, base: metadata.kind === 'savepoint' ? folder : parentOf(folder) }
  } catch (error) {
    if (isAbsent(error)) throw engineError('CHECKPOINT_NOT_FOUND', { path, instead: await snapshotsIn(disk, folder) }, error)
    if (isDamage(error)) throw engineError('CHECKPOINT_DAMAGED', { path, problem: damageOf(error) }, error)
    throw error
  }
}

/** What somebody may have meant who has named the folder above: the newest checkpoint there, and savepoints. */
async function snapshotsIn(disk: Disk, folder: string): Promise<string> {
  const listed = async (path: string): Promise<readonly string[]> => await disk.list(path).catch(() => [])
  const names = await listed(folder)
  const below = names.includes('checkpoints') ? (await listed(`${folder}/checkpoints`)).map((name) => `checkpoints/${name}`) : []
  const checkpoints = [...names, ...below].filter((name) => /(^|\/)chk-\d+$/.test(name)).toSorted((a, b) => idIn(b) - idIn(a))
  const found = [...checkpoints.slice(0, 1), ...names.filter((name) => name.startsWith('savepoint-')).toSorted()]
  if (found.length === 0) return ''
  return `; in it there ${found.length === 1 ? 'is' : 'are'} ${found.slice(0, NAMED_MAX).join(', ')}${found.length > NAMED_MAX ? ', …' : ''}`
}

const idIn = (name: string): number => Number(name.slice(name.lastIndexOf('-') + 1))

/** The same with its files checked; they get absolute paths. @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_UNKNOWN; as `findDamage` */
export async function restoreForeign(disk: Disk, path: string, options: VerifyOptions): Promise<RestoredCheckpoint> {
  const { metadata, folder, base } = await readNamed(disk, path)
  const damage = await findDamage(metadata, new FilesystemStateFiles(disk, base), options)
  if (damage !== undefined) throw engineError('CHECKPOINT_DAMAGED', { path, problem: damage.problem }, damage.cause)
  return { metadata: withFiles(metadata, (file) => movedFile(file, (name) => `${base}/${name}`)), path: folder, own: false }
}

/** What is wrong with the state files of a checkpoint, if anything is. @throws JOB_START_GIVEN_UP from `stopped` on: nothing is known then */
export async function findDamage(
  metadata: CheckpointMetadata,
  files: FilesystemStateFiles,
  { verify = 'full', stopped }: VerifyOptions,
  copies?: Pick<LocalCopies, 'isWhole'>,
): Promise<Damage | undefined> {
  try {
    for (const file of stateFilesOf(metadata)) {
      stopped?.throwIfAborted()
      // What came with the metadata was checked when these were read.
      if (file.inline !== undefined) continue
      const isCopied = verify === 'full' && (await copies?.isWhole(file, stopped)) === true
      await files.verify(file, { verify: isCopied ? 'length' : verify, stopped })
    }
    return undefined
  } catch (error) {
    if (stopped?.aborted === true) throw startGivenUp(metadata, stopped.reason)
    if (isDamage(error)) return damageBy(error)
    throw error
  }
}
