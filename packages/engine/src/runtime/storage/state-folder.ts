import { isAbsolute, join, resolve } from 'node:path'
import type { Disk } from '@millrace/core'
import { disposeSnapshot } from '../../checkpoint/dispose-snapshot.ts'
import { FilesystemCheckpoints } from '../../checkpoint/filesystem/filesystem.ts'
import { FileHistoryNote } from '../../checkpoint/history-note.ts'
import { jobFolderName } from '../../checkpoint/job-folder.ts'
import { MemoryCheckpoints, MemoryStateFiles, type MemoryOptions } from '../../checkpoint/memory.ts'
import { FilesystemSavepoints } from '../../checkpoint/savepoints.ts'
import { CopiedCheckpoints, CopiedStateFiles, LocalCopies, type LocalPlace } from '../../checkpoint/local-copies.ts'
import { isCheckpointUrl } from '../../checkpoint/object-store/checkpoint-url.ts'
import { ObjectCheckpoints } from '../../checkpoint/object-store/object-checkpoints.ts'
import { ObjectLock } from '../../checkpoint/object-store/object-lock.ts'
import { MERGE_BYTES_MAX, ObjectStateFiles, type ObjectFileLimits } from '../../checkpoint/object-store/object-state-files.ts'
import { RemotePlaces, type RemotePorts } from '../../checkpoint/object-store/remote-places.ts'
import { RoutedCheckpoints, RoutedStateFiles, type RouteParts } from '../../checkpoint/object-store/routed-storage.ts'
import { FileOriginNote, MemoryOriginNote, ObjectOriginNote } from '../../checkpoint/origin-note.ts'
import { RootedCheckpoints, type RootedCheckpointsParts } from '../../checkpoint/origins.ts'
import type { ProcessInspector } from '../../checkpoint/lock/process-identity.ts'
import { retryingReads } from '../../checkpoint/retrying-reads.ts'
import { FilesystemStateFiles } from '../../checkpoint/filesystem/state-files.ts'
import type { CheckpointStorage, StateFileStorage } from '../../checkpoint/storage.ts'
import type { ResolvedEngineOptions } from '../../config/options.ts'
import { RunFolder } from './run-folder.ts'
import { openJobLock, type JobLock } from '../../checkpoint/lock/job-lock.ts'
import { lockBeside, type LockBesideOptions } from '../../checkpoint/lock/lock-beside.ts'

/** What reaches snapshots that are elsewhere, and the locks of their jobs. */
type RootParts = RouteParts & LockBesideOptions

interface FolderPorts extends RemotePorts {
  readonly disk: Disk
}

/** Where a job keeps its checkpoints, the lock on that place, and where its savepoints go for which no folder is named. */
export interface JobFolder {
  readonly storage: CheckpointStorage
  readonly savepoints: FilesystemSavepoints
  readonly savepointDir: string
  readonly lock: JobLock
  /** Of the databases of the job, where the state backend has any: known once the lock is held. */
  readonly databaseDir: () => string
}

/** What decides where a job keeps things. */
interface FolderRequest {
  readonly jobName: string
  readonly settings: ResolvedEngineOptions
  readonly ports: FolderPorts
  readonly parts: RootParts
  /** What can be seen of other processes, for the locks; empty for those of this machine. */
  readonly inspector: { readonly processes?: ProcessInspector }
}

type CheckpointFolder = Pick<JobFolder, 'storage' | 'lock'>

export function jobFolder(jobName: string, settings: ResolvedEngineOptions, ports: FolderPorts, processes?: ProcessInspector): JobFolder {
  const { disk, clock, random } = ports
  const inspector = processes === undefined ? {} : { processes }
  const parts: RootParts = { ...routeParts(settings, ports), clock, random, jobName, ...inspector }
  const request: FolderRequest = { jobName, settings, ports, parts, inspector }
  const savepointDir = absolute(settings.values.checkpointing.savepointDir ?? join(jobStateFolder(jobName, settings), 'savepoints'))
  const savepointsNoting = (notes: string | undefined): FilesystemSavepoints =>
    new FilesystemSavepoints({ disk, notes, places: parts.places })
  const databases = databaseFolder(jobName, settings)
  const databaseDir = (): string => databases
  const { dir: place, storage: kind } = settings.values.checkpointing
  if (kind === 'memory') {
    const run =
      settings.values.state.backend === 'rocksdb' ? new RunFolder({ disk, clock, dir: databases, jobName, ...inspector }) : undefined
    return {
      storage: memoryStorage(request),
      lock: run ?? noLock(),
      savepoints: savepointsNoting(undefined),
      savepointDir,
      databaseDir: run === undefined ? databaseDir : () => run.path,
    }
  }
  if (place !== undefined && isCheckpointUrl(place)) {
    const savepoints = savepointsNoting(join(jobStateFolder(jobName, settings), 'savepoints-under-way'))
    return { ...objectFolder(place, request), savepoints, savepointDir, databaseDir }
  }
  const dir = checkpointFolder(jobName, settings)
  return { ...filesystemFolder(dir, request), savepoints: savepointsNoting(join(dir, 'savepoints-under-way')), savepointDir, databaseDir }
}

function memoryStorage({ settings, parts }: FolderRequest): CheckpointStorage {
  const routed = new RoutedCheckpoints(new MemoryCheckpoints({ disk: parts.disk, ...memoryLimits(settings) }), undefined, parts)
  return rooted(routed, settings, parts, { note: new MemoryOriginNote() })
}

function filesystemFolder(dir: string, { jobName, settings, ports, parts, inspector }: FolderRequest): CheckpointFolder {
  const { disk, clock } = ports
  const lock = openJobLock({ disk, clock, folder: dir, jobName, ...inspector })
  const fence = (): Promise<void> => lock.check()
  const local = localPlace(jobName, settings, ports)
  const copies = local === undefined ? undefined : new LocalCopies(local)
  const storage = new FilesystemCheckpoints({ disk: parts.disk, dir, fence, ...(copies === undefined ? {} : { copies }) })
  const routed = new RoutedCheckpoints(copied(storage, local, copies), undefined, parts)
  const history = new FileHistoryNote({ disk: parts.disk, folder: jobStateFolder(jobName, settings), place: dir })
  return { storage: rooted(routed, settings, parts, { note: new FileOriginNote(disk, dir), history, fence }), lock }
}

function objectFolder(url: string, { jobName, settings, ports, parts, inspector }: FolderRequest): CheckpointFolder {
  const { clock, random } = ports
  const place = parts.places.place(url, jobFolderName(jobName))
  const lock = new ObjectLock({ place, clock, random, jobName, ...inspector })
  const fence = (): Promise<void> => lock.check()
  const local = localPlace(jobName, settings, ports)
  const copies = local === undefined ? undefined : new LocalCopies(local)
  const storage = new ObjectCheckpoints({
    place,
    fence,
    limits: objectFileLimits(settings),
    mergedObjectBytesMax: settings.values.checkpointing.fileMerging.maxFileSize,
    ...(copies === undefined ? {} : { copies }),
  })
  const routed = new RoutedCheckpoints(copied(storage, local, copies), place.url, parts)
  const history = new FileHistoryNote({ disk: parts.disk, folder: jobStateFolder(jobName, settings), place: place.url })
  return { storage: rooted(routed, settings, parts, { note: new ObjectOriginNote(place), history, fence }), lock }
}

/** Copies of state files on this machine, where there are to be any. */
function localPlace(jobName: string, settings: ResolvedEngineOptions, { disk }: FolderPorts): LocalPlace | undefined {
  const { localCopies, localDir, dir, inlineThreshold } = settings.values.checkpointing
  if (!localCopies) return undefined
  const folder =
    localDir === undefined ? join(jobStateFolder(jobName, settings), 'local-copies') : join(resolve(localDir), jobFolderName(jobName))
  return { disk, dir: folder, inlineBytesMax: dir !== undefined && isCheckpointUrl(dir) ? inlineThreshold : 0 }
}

function copied(storage: CheckpointStorage, place: LocalPlace | undefined, copies: LocalCopies | undefined): CheckpointStorage {
  return place === undefined || copies === undefined ? storage : new CopiedCheckpoints(storage, place, copies)
}

/** It may start from a snapshot that is elsewhere. */
function rooted(
  own: CheckpointStorage,
  settings: ResolvedEngineOptions,
  parts: RootParts,
  root: Pick<RootedCheckpointsParts, 'note' | 'history' | 'fence'>,
): CheckpointStorage {
  const { claimMode, numRetained } = settings.values.checkpointing
  return new RootedCheckpoints({
    own,
    mode: claimMode,
    numRetained,
    ...root,
    dispose: (path) => disposeSnapshot(path, parts),
    lockBeside: (path) => lockBeside(path, parts),
  })
}

function routeParts(settings: ResolvedEngineOptions, ports: FolderPorts): RouteParts {
  const { s3, hdfs, requestTimeout } = settings.values.checkpointing
  return { places: new RemotePlaces({ s3, hdfs, requestTimeoutMs: requestTimeout }, ports), disk: retryingReads(ports.disk, ports.clock) }
}

/** The same place, as a slot sees it: it writes state files, and completes nothing. */
export function stateFileStorage(jobName: string, settings: ResolvedEngineOptions, ports: FolderPorts): StateFileStorage {
  const parts = routeParts(settings, ports)
  const own = ownStateFiles(jobName, settings, parts)
  const local = settings.values.checkpointing.storage === 'memory' ? undefined : localPlace(jobName, settings, ports)
  return new RoutedStateFiles(local === undefined ? own : new CopiedStateFiles(own, local), parts)
}

function ownStateFiles(jobName: string, settings: ResolvedEngineOptions, { places, disk }: RouteParts): StateFileStorage {
  const { dir, storage } = settings.values.checkpointing
  if (storage === 'memory') return new MemoryStateFiles(memoryLimits(settings))
  if (dir !== undefined && isCheckpointUrl(dir))
    return new ObjectStateFiles(places.place(dir, jobFolderName(jobName)), objectFileLimits(settings))
  return new FilesystemStateFiles(disk, checkpointFolder(jobName, settings))
}

function memoryLimits({ values }: ResolvedEngineOptions): Required<Pick<MemoryOptions, 'stateBytesMax' | 'messageBytesMax'>> {
  const { maxStateSize, maxMessageSize } = values.checkpointing.memory
  return { stateBytesMax: maxStateSize, messageBytesMax: maxMessageSize }
}

function objectFileLimits({ values }: ResolvedEngineOptions): ObjectFileLimits {
  const { inlineThreshold, fileMerging } = values.checkpointing
  return { inlineBytesMax: inlineThreshold, mergeBytesMax: fileMerging.enabled ? Math.min(MERGE_BYTES_MAX, fileMerging.maxFileSize) : 0 }
}

/** Folder of the checkpoints of a job, where they are kept in the file system. */
export function checkpointFolder(jobName: string, settings: ResolvedEngineOptions): string {
  const { checkpointing } = settings.values
  return checkpointing.dir === undefined
    ? join(jobStateFolder(jobName, settings), 'checkpoints')
    : join(absolute(checkpointing.dir), jobFolderName(jobName))
}

/** Folder of the databases of a job whose place for checkpoints is locked. */
function databaseFolder(jobName: string, settings: ResolvedEngineOptions): string {
  return join(jobStateFolder(jobName, settings), 'rocksdb')
}

/** Folder of everything of the job that outlives a run. */
export function jobStateFolder(jobName: string, settings: ResolvedEngineOptions): string {
  return join(absolute(settings.values.stateDir), jobFolderName(jobName))
}

function absolute(path: string): string {
  return isAbsolute(path) || isCheckpointUrl(path) ? path : resolve(path)
}

/** For jobs that leave nothing behind: nobody else can get at them. */
function noLock(): JobLock {
  let attempt = 0
  return {
    nextAttempt: async () => ++attempt,
    attemptAbove: async (above) => (attempt = Math.max(attempt, above) + 1),
    check: async () => {},
    onFenced: () => {},
    release: async () => {},
  }
}
