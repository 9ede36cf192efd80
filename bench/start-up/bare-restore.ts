/**
 * Reads and decodes the newest checkpoint of the job `recovery` into its tables, with nothing around it: what no recovery can be faster than.
 * As in a job, on worker threads that have never run the code before: one for each subtask. From the sources, as what is published has no file for each
 * of these parts; they are loaded before time counts.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { value } from '../../packages/engine/src/api/state.ts'
import { decodeMetadata } from '../../packages/engine/src/checkpoint/metadata/metadata-format.ts'
import { keyGroupRange } from '../../packages/engine/src/keys/key-group.ts'
import { filesOfRange, segmentsByGroup } from '../../packages/engine/src/runtime/snapshot/keyed-files.ts'
import { KeyedState } from '../../packages/engine/src/state/keyed-state.ts'

export interface BareRestore {
  /** Of the slowest thread. */
  readonly ms: number
  readonly keys: number
  readonly fileBytes: number
  /** By the state's own count: tables, keys and values. */
  readonly estimatedBytesPerKey: number
  /** What the heap and the buffers of the threads grew by. */
  readonly measuredBytesPerKey: number
}

interface Share {
  readonly ms: number
  readonly keys: number
  readonly fileBytes: number
  readonly estimatedBytes: number
  readonly measuredBytes: number
}

interface Task {
  readonly folder: string
  readonly subtask: number
  readonly parallelism: number
}

/** `folder`: that of the job's checkpoints. */
export async function bareRestore(folder: string, parallelism: number): Promise<BareRestore> {
  const workers = Array.from({ length: parallelism }, (_, subtask) => {
    const execArgv = ['--conditions=@millrace/source']
    return new Worker(new URL(import.meta.url), { workerData: { folder, subtask, parallelism } satisfies Task, execArgv })
  })
  const answers = (): Promise<readonly unknown[]> =>
    Promise.all(workers.map((worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))))
  await answers()
  const shares = answers()
  for (const worker of workers) worker.postMessage('go')
  const results = (await shares) as readonly Share[]
  await Promise.all(workers.map((worker) => worker.terminate()))
  const sum = (of: keyof Share): number => results.reduce((total, share) => total + share[of], 0)
  return {
    ms: Math.max(...results.map(({ ms }) => ms)),
    keys: sum('keys'),
    fileBytes: sum('fileBytes'),
    estimatedBytesPerKey: sum('estimatedBytes') / sum('keys'),
    measuredBytesPerKey: sum('measuredBytes') / sum('keys'),
  }
}

function newestCheckpoint(folder: string): string {
  const ids = readdirSync(folder).flatMap((name) => /^chk-(\d+)$/.exec(name)?.[1] ?? [])
  return join(folder, `chk-${Math.max(...ids.map(Number))}`)
}

function restore({ folder, subtask, parallelism }: Task) {
  const metadata = decodeMetadata(readFileSync(join(newestCheckpoint(folder), '_metadata')))
  const operator = metadata.operators.find(({ subtasks }) => subtasks.some(({ keyed }) => keyed.length > 0))!
  const { maxParallelism } = operator
  const keyGroups = keyGroupRange(subtask, parallelism, maxParallelism)
  const state = new KeyedState({ operator: 'bare', states: { count: value<number>() }, maxParallelism, keyGroups })
  const files = operator.subtasks.flatMap(({ keyed }) => filesOfRange(keyed, keyGroups))
  const contents = new Map(files.map(({ path }) => [path, readFileSync(join(folder, path))]))
  for (const [group, segments] of segmentsByGroup(files)) {
    state.restoreGroup(
      group,
      segments.map(({ file, segment }) => ({
        bytes: contents.get(file.path)!.subarray(segment.offset, segment.offset + segment.length),
        rows: segment.rows,
      })),
    )
  }
  return { state, fileBytes: files.flatMap(({ segments }) => segments).reduce((sum, { length }) => sum + length, 0) }
}

/** Heap and buffers of this thread, collected first. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
  return heap + external
}

function work(task: Task): void {
  const before = usedBytes()
  parentPort!.once('message', () => {
    const startMs = performance.now()
    const { state, fileBytes } = restore(task)
    const ms = performance.now() - startMs
    const measuredBytes = usedBytes() - before
    const { rows, estimatedBytes } = state.statistics()
    parentPort!.postMessage({ ms, keys: rows, fileBytes, estimatedBytes, measuredBytes } satisfies Share)
  })
  parentPort!.postMessage('ready')
}

if (!isMainThread) work(workerData as Task)
