import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { MillraceError } from '@millrace/core'
import { defineJob, discard, execute, fileSink, generator, map, startJob, type, value, type ExecuteOptions, type Job } from '../index.ts'
import { loadRocksdb, rocksdbPackage } from '../state/rocksdb/rocksdb-binding.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-rocksdb-'))
after(() => rmSync(folder, { recursive: true }))

const KEYS = 4_000
const COUNT = 20_000

/** Every other key has a text so long that its row lies apart from the database. */
const textOf = (key: number): string => `the text of the key ${key}`.padEnd(key % 2 === 0 ? 700 : 300)

/** More state than the cache holds: each key has a text and a map. */
function countingJob(name: string, ratePerSecond?: number): Job {
  return defineJob(name, (env) => {
    env
      .fromSource(generator({ generate: (n) => n, count: COUNT, ...(ratePerSecond === undefined ? {} : { ratePerSecond }) }), {
        uid: 'numbers',
      })
      .keyBy((n) => n % KEYS)
      .process({
        emits: type<{ n: number; seen: number; first: number }>(),
        state: { seen: value<{ count: number; text: string }>(), numbers: map<number, number>() },
        onElement(n, ctx) {
          const seen = ctx.state.seen.get() ?? { count: 0, text: textOf(n % KEYS) }
          if (seen.text !== textOf(n % KEYS)) throw new Error(`the text of ${n % KEYS} is now ${seen.text}`)
          seen.count++
          ctx.state.seen.set(seen)
          ctx.state.numbers.set(seen.count, n)
          ctx.emit({ n, seen: seen.count, first: ctx.state.numbers.get(1)! })
        },
      })
      .uid('count')
      .sinkTo(fileSink({ dir: join(folder, name, 'out'), format: 'json' }))
      .uid('out')
  })
}

/** `again`: what a checkpoint had published that was passed over is there twice. */
function checkRows(name: string, again: boolean = false): void {
  const out = join(folder, name, 'out')
  const rows = readdirSync(out)
    .filter((file) => !file.startsWith('.'))
    .flatMap((file) => readFileSync(join(out, file), 'utf8').split('\n').slice(0, -1))
    .map((line) => JSON.parse(line) as { n: number; seen: number; first: number })
  if (!again) assert.equal(rows.length, COUNT)
  assert.equal(new Set(rows.map(({ n }) => n)).size, COUNT)
  for (const { n, seen, first } of rows) {
    assert.equal(seen, Math.floor(n / KEYS) + 1)
    assert.equal(first, n % KEYS)
  }
}

const options = (backend: 'heap' | 'rocksdb', parallelism: number, extra: Partial<ExecuteOptions> = {}): ExecuteOptions => ({
  options: {
    parallelism,
    stateDir: join(folder, 'state'),
    state: { backend, cacheSize: '1MiB' },
    checkpointing: { interval: '100ms', storage: 'filesystem' },
  },
  ...extra,
})

function stateFiles(name: string): string[] {
  return filesBelow('').filter((path) => path.startsWith(`${name}-`) || path.startsWith(`${name}/`))
}

/** In the state folder, also while a job runs there: a folder that goes meanwhile has none. */
function filesBelow(below: string): string[] {
  try {
    return readdirSync(join(folder, 'state', below), { withFileTypes: true }).flatMap((entry) => {
      const path = join(below, entry.name)
      return entry.isDirectory() ? [path, ...filesBelow(path)] : [path]
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

interface Stored {
  readonly operators: readonly {
    readonly subtasks: readonly {
      readonly keyed: readonly { readonly path: string }[]
      readonly database?: { readonly shared: readonly { readonly path: string }[] }
    }[]
  }[]
}

/** The metadata of each checkpoint that is retained, the newest first. */
function retained(name: string): readonly Stored[] {
  const checkpoints = stateFiles(name).filter((path) => path.endsWith('/_metadata'))
  const idOf = (path: string): number => Number(/chk-(\d+)/.exec(path)![1])
  return checkpoints
    .toSorted((a, b) => idOf(b) - idOf(a))
    .map((path) => JSON.parse(readFileSync(join(folder, 'state', path), 'utf8').split('\n')[1]!) as Stored)
}

/** Of each of them, paths of the files that its databases share with others. */
function databaseFiles(name: string): (readonly string[])[] {
  return retained(name).map(({ operators }) =>
    operators.flatMap(({ subtasks }) => subtasks.flatMap(({ database }) => database?.shared.map((file) => file.path) ?? [])),
  )
}

/** Of each of them, paths of the files of rows that are in no database. */
function keyedFiles(name: string): (readonly string[])[] {
  return retained(name).map(({ operators }) =>
    operators.flatMap(({ subtasks }) => subtasks.flatMap(({ keyed }) => keyed.map((file) => file.path))),
  )
}

function flipByteIn(name: string, file: string): void {
  const path = join(
    folder,
    'state',
    stateFiles(name).find((found) => found.endsWith(file))!,
  )
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1]! ^= 1
  // Other names of the same file stay as they are.
  rmSync(path)
  writeFileSync(path, bytes)
}

/** The one that the repository installs. Elsewhere the tests over the store in memory must do. */
const skip = rocksdbPackage() === '@harperfast/rocksdb-js-linux-x64-glibc' ? false : `no binding is installed for ${rocksdbPackage()}`

describe('the state backend rocksdb', { skip }, () => {
  // option: state.backend
  // option: state.cacheSize
  it('keeps state that its cache does not hold, and leaves only files behind that the last checkpoint needs', async () => {
    await execute(countingJob('whole'), options('rocksdb', 1))
    checkRows('whole')
    for (const kind of ['-sst', '-values'])
      assert.ok(
        stateFiles('whole').some((file) => file.endsWith(kind)),
        kind,
      )
    assert.deepEqual(
      stateFiles('whole').filter((path) => /rocksdb\/attempt-[^/]+\//.test(path)),
      [],
    )
  })

  it('keeps files of the database by another name, not by a copy', async () => {
    const running = startJob(countingJob('linked', 10_000), options('rocksdb', 1))
    const kinds = ['-sst', '-values']
    const linked = (): string[] =>
      stateFiles('linked').filter((path) => (statSync(join(folder, 'state', path), { throwIfNoEntry: false })?.nlink ?? 0) > 1)
    const deadline = Date.now() + 10_000
    const seen = new Set<string>()
    while (seen.size < kinds.length && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      for (const path of linked()) for (const kind of kinds) if (path.endsWith(kind)) seen.add(kind)
    }
    await running.stop()
    assert.deepEqual([...seen].toSorted(), kinds)
  })

  it('goes on from files of the database, at the same and at another parallelism', async () => {
    for (const parallelism of [1, 1, 2]) {
      const running = startJob(countingJob('moved', 10_000), options('rocksdb', parallelism, { restore: 'latest' }))
      do await new Promise((resolve) => setTimeout(resolve, 50))
      while (!stateFiles('moved').some((file) => file.endsWith('-sst')))
      await running.stop()
    }
    assert.ok(stateFiles('moved').some((file) => file.endsWith('-sst')))
    await execute(countingJob('moved'), options('rocksdb', 1, { restore: 'latest' }))
    checkRows('moved')
  })

  // option: checkpointing.incremental
  it('stores all of the state in each checkpoint where they are not incremental, and goes on from one, also where they are again', async () => {
    const full = (incremental: boolean, parallelism: number): ExecuteOptions => {
      const settings = options('rocksdb', parallelism, { restore: 'latest' })
      const checkpointing = { ...settings.options!.checkpointing, incremental, numRetained: 100 }
      return { ...settings, options: { ...settings.options, checkpointing } }
    }
    for (const parallelism of [1, 2]) {
      let completed = 0
      const running = startJob(countingJob('full', 4_000), {
        ...full(false, parallelism),
        onEvent: ({ kind }) => {
          if (kind === 'checkpoint-completed' && ++completed === 3) void running.stop()
        },
      })
      await running.done
      const checkpoints = keyedFiles('full')
      assert.ok(checkpoints.length > 1)
      assert.ok(checkpoints.every((files) => files.length === parallelism || files.length === 1))
      assert.equal(new Set(checkpoints.flat()).size, checkpoints.flat().length)
      assert.deepEqual(databaseFiles('full').flat(), [])
    }
    await execute(countingJob('full'), full(true, 1))
    assert.ok(databaseFiles('full').flat().length > 0)
    checkRows('full')
  })

  it('sees damage in files of the database, which have no checksum, and goes back to the checkpoint before', async () => {
    const settings = options('rocksdb', 1, { restore: 'latest' })
    const keepingTwo = { options: { ...settings.options, checkpointing: { ...settings.options!.checkpointing, numRetained: 2 } } }
    for (const kind of ['-sst', '-values']) {
      const name = `damaged${kind}`
      // Until the newest checkpoint has such a file that the one before has not.
      let own: string | undefined
      for (let lives = 0; own === undefined; lives++) {
        assert.ok(lives < 3, 'no file of its own in three lives')
        const running = startJob(countingJob(name, 10_000), { ...settings, ...keepingTwo })
        do await new Promise((resolve) => setTimeout(resolve, 50))
        while (running.checkpoints().counts.completed < 2)
        await running.stop()
        const [newest, before] = databaseFiles(name)
        own = newest!.find((path) => path.endsWith(kind) && !before!.includes(path))
      }
      flipByteIn(name, own)
      await execute(countingJob(name), { ...settings, ...keepingTwo })
      checkRows(name, true)
    }
  })

  it('starts from no checkpoint whose database is damaged, at whatever parallelism', async () => {
    const running = startJob(countingJob('all-damaged', 10_000), options('rocksdb', 1))
    do await new Promise((resolve) => setTimeout(resolve, 50))
    while (!stateFiles('all-damaged').some((file) => file.endsWith('-sst')))
    await running.stop()
    for (const path of databaseFiles('all-damaged').flat()) flipByteIn('all-damaged', path)
    for (const parallelism of [1, 2])
      await assert.rejects(
        execute(countingJob('all-damaged'), options('rocksdb', parallelism, { restore: 'latest' })),
        (error: unknown) => {
          assert.ok(error instanceof MillraceError && error.code === 'CHECKPOINT_ALL_DAMAGED')
          assert.match(error.message, /can be read; \/.*\/chk-\d+: shared\/\S+-(sst|values): .*\d{6}\.(sst|values)/)
          return error.cause instanceof MillraceError && error.cause.cause instanceof TypeError
        },
      )
  })

  it('does not look through its database where it is to end before it has begun', async () => {
    const { options: engine } = options('rocksdb', 1)
    const settings = {
      restore: 'latest',
      options: { ...engine, checkpointing: { ...engine!.checkpointing, retainOnCancel: true } },
    } as const
    const running = startJob(countingJob('hurried', 10_000), settings)
    do await new Promise((resolve) => setTimeout(resolve, 50))
    while (!stateFiles('hurried').some((file) => file.endsWith('-sst')))
    await running.stop()
    const kept = stateFiles('hurried').filter((path) => !path.includes('/lock/'))
    for (const [ask, state] of [
      ['stop', 'stopped'],
      ['cancel', 'canceled'],
    ] as const) {
      const again = startJob(countingJob('hurried'), settings)
      await again[ask]()
      assert.equal((await again.done).state, state)
    }
    assert.deepEqual(
      stateFiles('hurried').filter((path) => !path.includes('/lock/')),
      kept,
    )
    await execute(countingJob('hurried'), settings)
    checkRows('hurried')
  })

  it('does not begin without state once more where it has begun so, and the database of all that came after is damaged', async () => {
    const { options: engine } = options('rocksdb', 1)
    const settings = { options: { ...engine, checkpointing: { ...engine!.checkpointing, interval: '1h', numRetained: 2 } } } as const
    for (const restore of ['latest', 'none']) await execute(countingJob('rooted'), { ...settings, restore })
    const files = databaseFiles('rooted').flat()
    assert.ok(files.length > 0)
    for (const path of files) flipByteIn('rooted', path)
    const kept = stateFiles('rooted').filter((path) => path.includes('/checkpoints/'))
    assert.ok(kept.some((path) => path.endsWith('/origin')))
    for (let times = 0; times < 2; times++)
      await assert.rejects(execute(countingJob('rooted'), { ...settings, restore: 'latest' }), {
        code: 'CHECKPOINT_ALL_DAMAGED',
        message: /can be read; \/.*\/chk-\d+: shared\/\S+-(sst|values): .* --restore none/,
      })
    const left = stateFiles('rooted')
    assert.deepEqual(
      kept.filter((path) => !path.includes('/lock/') && !left.includes(path)),
      [],
      'nothing was given up, nor removed',
    )
  })

  it('takes savepoints that the other backend restores, both ways', async () => {
    const dir = join(folder, 'savepoints')
    let restore: string | undefined
    for (const backend of ['rocksdb', 'heap', 'rocksdb'] as const) {
      const running = startJob(countingJob('both', 1_000), options(backend, 2, restore === undefined ? {} : { restore }))
      // A checkpoint of this life: files of the one before go while this one still starts.
      do await new Promise((resolve) => setTimeout(resolve, 20))
      while (running.checkpoints().counts.completed === 0)
      restore = (await running.stop({ savepoint: { dir } }))?.path
    }
    await execute(countingJob('both'), options('heap', 1, { restore: restore! }))
    checkRows('both')
  })

  it('keeps runs of one name apart whose checkpoints are in memory, and leaves nothing of them behind', async () => {
    const { options: inFiles } = options('rocksdb', 1)
    const inMemory: ExecuteOptions = { options: { ...inFiles, checkpointing: { interval: '50ms', storage: 'memory' } } }
    const seen = await Promise.all(
      [1, 2, 3].map(async (run) => {
        let count = 0
        const counting = defineJob('side-by-side', (env) => {
          env
            .fromSource(generator({ generate: (n) => n, count: 3 * KEYS }), { uid: 'numbers' })
            .keyBy((n) => n % KEYS)
            .process({
              emits: type<number>(),
              state: { text: value<string>() },
              onElement(n, ctx) {
                const text = ctx.state.text.get()
                const expected = `run ${run}: ${textOf(n % KEYS)}`
                if (n >= KEYS && text !== expected) throw new Error(`the text of ${n % KEYS} in run ${run} is now ${text}`)
                ctx.state.text.set(expected)
                count++
              },
            })
            .uid('texts')
            .sinkTo(discard())
        })
        await execute(counting, inMemory)
        return count
      }),
    )
    assert.deepEqual(seen, [3 * KEYS, 3 * KEYS, 3 * KEYS])
    assert.deepEqual(
      stateFiles('side-by-side').filter((path) => /rocksdb\/.*attempt-[^/]*region/.test(path)),
      [],
    )
  })

  it('says what to install where there is none', () => {
    assert.match(rocksdbPackage(), /^@harperfast\/rocksdb-js-/)
    assert.throws(() => loadRocksdb('@harperfast/rocksdb-js-nowhere'), {
      code: 'STATE_ROCKSDB_MISSING',
      message: /npm install @harperfast\/rocksdb-js-nowhere/,
    })
  })

  it('is one of the names that set the storage too: memory leaves nothing behind, filesystem does', async () => {
    for (const backend of ['memory', 'filesystem'] as const) {
      const started = Promise.withResolvers<void>()
      const running = startJob(countingJob(backend, 10_000), {
        options: { stateDir: join(folder, 'state'), state: { backend } },
        onEvent: ({ kind }) => {
          if (kind === 'started') started.resolve()
        },
      })
      await started.promise
      await running.stop()
      assert.equal(
        stateFiles(backend).some((path) => path.endsWith('_metadata')),
        backend === 'filesystem',
      )
    }
  })

  // option: state.backend
  it('is the choice of the job where it makes one; the next choice goes on from a savepoint', async () => {
    const chosen = (backend: 'heap' | 'rocksdb', ratePerSecond?: number): Job =>
      defineJob('chosen', (env) => {
        env.checkpointing.backend = backend
        countingJob('chosen', ratePerSecond).build(env, {})
      })
    const databases = (): readonly string[] => filesBelow('chosen').filter((path) => /rocksdb\/attempt-[^/]+$/.test(path))
    const started = Promise.withResolvers<void>()
    const heap = options('heap', 1)
    const running = startJob(chosen('rocksdb', 1_000), {
      ...heap,
      onEvent: ({ kind }) => {
        if (kind === 'checkpoint-completed') started.resolve()
      },
    })
    await started.promise
    assert.equal(databases().length, 1)
    const savepoint = await running.stop({ savepoint: { dir: join(folder, 'savepoints') } })
    const rocksdb = options('rocksdb', 2)
    const before = databases()
    const during = new Set<string>()
    const result = await execute(chosen('heap'), {
      ...rocksdb,
      restore: savepoint!.path!,
      onEvent: ({ kind }) => {
        if (kind === 'checkpoint-completed') for (const path of databases()) during.add(path)
      },
    })
    assert.equal(result.state, 'finished')
    for (const path of during) assert.ok(before.includes(path), path)
    checkRows('chosen')
  })

  it('has no synchronous snapshots', async () => {
    const settings = {
      options: { stateDir: join(folder, 'state'), state: { backend: 'rocksdb' }, checkpointing: { asynchronous: false } },
    } as const
    await assert.rejects(async () => await execute(countingJob('synchronous'), settings), { code: 'STATE_BACKEND_SYNCHRONOUS' })
  })
})
