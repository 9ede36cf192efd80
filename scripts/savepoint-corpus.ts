// Adds a savepoint, a checkpoint, both compressed, one of a store of objects, with merged files, and one over RocksDB, all of today's formats, to the corpus that tests restore for ever: once for each release, and whenever a format changes.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { startJob } from '@millrace/engine'
import { corpusFolder, CORPUS_COUNT, currentEntry, linesOf } from '../packages/engine/src/savepoint/fixtures/corpus.ts'
import { FakeHdfs } from '../packages/testkit/test/fake-hdfs.ts'
import { everythingJob } from '../packages/engine/src/savepoint/fixtures/everything-job.ts'

const entry = join(corpusFolder, currentEntry)
if (existsSync(entry)) {
  console.log(`${currentEntry} is there already; it is never made anew, as only what a release has really written is of use`)
  process.exit(0)
}
/** A checkpoint as a store of objects has it. */
async function takeInStore(to: string): Promise<string> {
  const store = new FakeHdfs()
  await store.start()
  try {
    const dir = `webhdfs://${store.url.slice('http://'.length)}/checkpoints`
    const fileMerging = { enabled: true }
    const checkpointing = {
      storage: 'filesystem',
      interval: '40ms',
      dir,
      inlineThreshold: '1KiB',
      fileMerging,
      hdfs: { user: 'someone' },
    } as const
    const running = startJob(everythingJob({ dir: 'out-store', ratePerSecond: 80 }), {
      parallelism: 2,
      options: { stateDir: 'state-store', checkpointing },
    })
    while (running.checkpoints().counts.completed < 5) await new Promise((resolve) => setTimeout(resolve, 5))
    await running.stop()
    const checkpoint = basename((await running.done).lastCheckpoint!.path!)
    for (const [key, bytes] of store.files) {
      const name = key.slice('checkpoints/everything/'.length)
      if (!name.startsWith('shared/') && !name.startsWith(`${checkpoint}/`)) continue
      mkdirSync(dirname(join(to, name)), { recursive: true })
      writeFileSync(join(to, name), bytes)
    }
    return checkpoint
  } finally {
    store.stop()
  }
}

/** A checkpoint with rows in databases, some of them long: few keys fit into the cache. */
async function takeOverDatabase(to: string): Promise<void> {
  const checkpointing = { storage: 'filesystem', interval: '40ms' } as const
  const running = startJob(everythingJob({ dir: 'out-database', ratePerSecond: 80 }), {
    parallelism: 1,
    options: { stateDir: 'state-database', state: { backend: 'rocksdb', cacheSize: '4KiB' }, checkpointing },
  })
  while (running.checkpoints().counts.completed < 14) await new Promise((resolve) => setTimeout(resolve, 5))
  await running.stop()
  const checkpoint = (await running.done).lastCheckpoint!.path!
  cpSync(checkpoint, join(to, basename(checkpoint)), { recursive: true })
  cpSync(join(dirname(checkpoint), 'shared'), join(to, 'shared'), { recursive: true })
  if (!readdirSync(join(to, 'shared')).some((file) => file.endsWith('-values'))) throw new Error('no row was long enough to lie apart')
}

/** Whether a file of a folder has a compressed segment. */
function hasCompressed(folder: string): boolean {
  return readdirSync(folder).some((file) => readFileSync(join(folder, file)).includes(Buffer.from([0x4d, 0x53, 5, 1])))
}

const work = mkdtempSync(join(tmpdir(), 'millrace-corpus-'))
process.chdir(work)
try {
  const options = {
    stateDir: 'state',
    checkpointing: { storage: 'filesystem', interval: '40ms', compression: 'zstd' },
  } as const
  const running = startJob(everythingJob({ dir: 'out', ratePerSecond: 200 }), { parallelism: 2, options })
  while (running.checkpoints().counts.completed < 5) await new Promise((resolve) => setTimeout(resolve, 5))
  const savepoint = await running.savepoint({ dir: join(work, 'savepoints') })
  await running.stop()
  const checkpoint = (await running.done).lastCheckpoint!.path!
  mkdirSync(entry, { recursive: true })
  cpSync(savepoint.path!, join(entry, 'savepoint'), { recursive: true })
  cpSync(checkpoint, join(entry, 'checkpoints', basename(checkpoint)), { recursive: true })
  cpSync(join(dirname(checkpoint), 'shared'), join(entry, 'checkpoints', 'shared'), { recursive: true })
  for (const folder of ['savepoint', 'checkpoints'])
    if (!hasCompressed(join(entry, folder, 'shared'))) throw new Error(`nothing is compressed in ${folder}`)
  await takeOverDatabase(join(entry, 'database'))
  const inStore = await takeInStore(join(entry, 'object-store'))
  for (const [name, path] of [
    ['savepoint', 'savepoint'],
    ['checkpoint', join('checkpoints', basename(checkpoint))],
    ['object-store', join('object-store', inStore)],
  ] as const) {
    const lines = await linesOf(join(entry, path))
    if (lines.length > CORPUS_COUNT * 20) throw new Error(`too much state for a corpus: ${lines.length} lines`)
    writeFileSync(join(entry, `${name}.jsonl`), `${lines.join('\n')}\n`)
  }
  console.log(`${currentEntry}: ${readdirSync(entry, { recursive: true }).length} files`)
} finally {
  process.chdir('/')
  rmSync(work, { recursive: true })
}
