// Adds a savepoint and a checkpoint of today's formats to the corpus that tests restore for ever: once for each release, and whenever a format changes.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { startJob } from '@millrace/engine'
import { corpusFolder, CORPUS_COUNT, currentEntry, linesOf } from '../packages/engine/src/savepoint/fixtures/corpus.ts'
import { everythingJob } from '../packages/engine/src/savepoint/fixtures/everything-job.ts'

const entry = join(corpusFolder, currentEntry)
if (existsSync(entry)) {
  console.log(`${currentEntry} is there already; it is never made anew, as only what a release has really written is of use`)
  process.exit(0)
}
const work = mkdtempSync(join(tmpdir(), 'millrace-corpus-'))
process.chdir(work)
try {
  const options = { stateDir: 'state', checkpointing: { storage: 'filesystem', interval: '40ms' } } as const
  const running = startJob(everythingJob({ dir: 'out', ratePerSecond: 200 }), { parallelism: 2, options })
  while (running.checkpoints().counts.completed < 5) await new Promise((resolve) => setTimeout(resolve, 5))
  const savepoint = await running.savepoint({ dir: join(work, 'savepoints') })
  await running.stop()
  const checkpoint = (await running.done).lastCheckpoint!.path!
  mkdirSync(entry, { recursive: true })
  cpSync(savepoint.path!, join(entry, 'savepoint'), { recursive: true })
  cpSync(checkpoint, join(entry, 'checkpoints', basename(checkpoint)), { recursive: true })
  cpSync(join(dirname(checkpoint), 'shared'), join(entry, 'checkpoints', 'shared'), { recursive: true })
  for (const [name, path] of [
    ['savepoint', 'savepoint'],
    ['checkpoint', join('checkpoints', basename(checkpoint))],
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
