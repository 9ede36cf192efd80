/**
 * Opening the log directories of a broker, and telling its operator how they fare.
 *
 * 1. A directory that another broker has, or that is another broker's, stops the start. One that cannot be read or written is offline, and the
 *    broker does without it, unless it may have the cluster's metadata.
 * 2. What a disk does is told once when it begins and once when it is over, with what the operator can do.
 */
import { posix } from 'node:path'
import { DiskError, MillraceError, type Clock, type Disk, type Logger, type Random } from '@millrace/core'
import { logError } from '../errors.ts'
import { metaPropertiesName, readMetaProperties, type MetaProperties } from '../storage/checkpoints/meta-properties.ts'
import { LogDirectories, LogDirectory, type LostDirectory, type StorageNotice } from '../storage/index.ts'
import type { BrokerConfig } from './config/index.ts'
import type { Parts } from './parts.ts'
import { directoryProblem } from './start-problems.ts'

export interface LogDirectoriesOptions {
  readonly dirs: readonly string[]
  /** Keeps other brokers from a directory, until its result is called. */
  readonly lock: (path: string) => Promise<() => void>
  readonly config: BrokerConfig
  readonly logger: Logger
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  /** Hears of every directory that fails once all are open. */
  readonly onOffline: (error: MillraceError, directory: LogDirectory) => void
}

export interface OpenedDirectories {
  readonly directories: LogDirectories
  readonly clusterId: string
  readonly nodeId: number
}

const JOURNAL = 'coordination.journal'

interface Locked {
  readonly path: string
  readonly meta: MetaProperties | undefined
}

/** @throws BROKER_DIRECTORY_*, STORAGE_DIRECTORY_OF_OTHER, STORAGE_CORRUPT, BROKER_METADATA_CORRUPT */
export async function openLogDirectories(options: LogDirectoriesOptions, parts: Parts): Promise<OpenedDirectories> {
  const { dirs, config, random, logger } = options
  const lost: LostDirectory[] = []
  const locked = await each(dirs, lost, (path) => lock(path, options, parts))
  const metas = locked.map(({ meta }) => meta)
  const clusterId = metas.find((meta) => meta?.clusterId !== undefined)?.clusterId ?? Buffer.from(random.bytes(16)).toString('base64url')
  // A directory that another broker has written keeps its number.
  const known = metas.find((meta) => meta?.brokerId !== undefined)?.brokerId
  const nodeId = config.isSet('node.id') ? config.get('node.id') : (known ?? config.get('node.id'))
  const paths = locked.map(({ path }) => path)
  const opened = await each(paths, lost, (path) => open(path, options, { clusterId, nodeId }))
  for (const { path, error } of lost) logger.error(TOLD.offline, { path, problem: error.message })
  const metadata = await metadataDirectory(opened, lost, options.disk)
  return { directories: new LogDirectories(opened, metadata, lost), clusterId, nodeId }
}

/** What `work` gives for each; those whose disk fails are lost. @throws the first loss, if nothing is left */
async function each<T>(paths: readonly string[], lost: LostDirectory[], work: (path: string) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (const path of paths) {
    try {
      results.push(await work(path))
    } catch (error) {
      const problem = error instanceof DiskError ? directoryProblem(error, path) : error
      if (!(problem instanceof MillraceError && isLoss(problem))) throw problem
      lost.push({ path, error: problem })
    }
  }
  if (results.length === 0) throw lost[0]!.error
  return results
}

function isLoss({ code }: MillraceError): boolean {
  return code === 'BROKER_DIRECTORY_UNUSABLE' || code === 'STORAGE_OFFLINE'
}

async function lock(path: string, { lock: take, disk }: LogDirectoriesOptions, parts: Parts): Promise<Locked> {
  parts.add(await take(path))
  return { path, meta: await readMetaProperties(disk, posix.join(path, metaPropertiesName)) }
}

async function open(
  path: string,
  { disk, clock, random, config, logger, onOffline, dirs }: LogDirectoriesOptions,
  { clusterId, nodeId }: { readonly clusterId: string; readonly nodeId: number },
): Promise<LogDirectory> {
  const directory: LogDirectory = await LogDirectory.open({
    path,
    disk,
    clock,
    random,
    clusterId,
    brokerId: nodeId,
    loadConcurrency: config.get('num.recovery.threads.per.data.dir'),
    // Together as many as one alone would have.
    openFilesMax: Math.ceil(1000 / dirs.length),
    indexCacheBytesMax: Math.ceil((64 * 1024 * 1024) / dirs.length),
    onNotice: (notice) => tell(notice, path, logger),
    onOffline: (error) => onOffline(error, directory),
  })
  return directory
}

/** Where the journal is; where there is none, the first, unless it may be in one that cannot be opened. */
async function metadataDirectory(opened: readonly LogDirectory[], lost: readonly LostDirectory[], disk: Disk): Promise<LogDirectory> {
  const found: LogDirectory[] = []
  for (const directory of opened) if ((await disk.list(directory.path)).includes(JOURNAL)) found.push(directory)
  const [first, second] = found
  if (second !== undefined)
    throw logError('BROKER_METADATA_CORRUPT', { path: second.path, problem: `there is another journal in ${first!.path}` })
  if (first !== undefined) return first
  if (lost.length > 0) throw lost[0]!.error
  return opened[0]!
}

const TOLD = {
  full: 'the disk of a log directory is full: writes are refused with KAFKA_STORAGE_ERROR, and nothing that was acknowledged is lost. Free space on it, delete records, or move partitions to another directory; writing goes on by itself',
  unavailable:
    'a log directory cannot be written to, as this process may open no more files: writes are refused with KAFKA_STORAGE_ERROR. Raise the limit of open files (ulimit -n) and restart, or have fewer partitions and connections',
  writable: 'a log directory is written to again',
  offline:
    'a log directory has failed and is offline: its partitions are answered with KAFKA_STORAGE_ERROR. Look at the disk and its file system, and start the broker anew when they are sound',
  'records-lost':
    'records of a log that were durable are gone: files of its folder were removed, cut off or damaged. The partition goes on without them, and its next records get offsets that others had. Stop the broker and restore the folder if there is a copy of it; otherwise tell those who read the topic',
  damaged:
    'a log cannot be read, as its files are not what they were: readers are answered with CORRUPT_MESSAGE at the place, and may seek beyond it. Look at the disk, and restore the folder from a copy while the broker is stopped if there is one',
  gap: 'records in the middle of a log are not there: readers are given what follows. A file of its folder was removed, unless the topic was compacted once. Restore the folder from a copy while the broker is stopped if there is one; otherwise tell those who read the topic',
  'two-logs': 'a log was in two directories, as a move between them was interrupted; the one that goes on further is kept',
} as const

function tell({ kind, path, problem }: StorageNotice, directory: string, logger: Logger): void {
  const facts = { directory, path, problem }
  if (kind === 'writable') logger.info(TOLD.writable, facts)
  else if (kind === 'two-logs' || kind === 'gap') logger.warn(TOLD[kind], facts)
  else if (kind in TOLD) logger.error(TOLD[kind as keyof typeof TOLD], facts)
  else logger.warn(`storage: ${kind}`, facts)
}
