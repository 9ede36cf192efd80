// What any release has written is read, and restored, by every later one.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { startJob, type JobResult } from '../index.ts'
import { rocksdbPackage } from '../state/rocksdb/rocksdb-binding.ts'
import { corpusFolder, CORPUS_COUNT, currentEntry, linesOf } from './fixtures/corpus.ts'
import { everythingJob, readRows } from './fixtures/everything-job.ts'
import { openSavepoint } from './open-savepoint.ts'
import type { ValueEntry } from './state-entry.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-corpus-'))
after(() => rmSync(folder, { recursive: true }))

const entries = readdirSync(corpusFolder)
/** The one that the repository installs. */
const noRocksdb = rocksdbPackage() === '@harperfast/rocksdb-js-linux-x64-glibc' ? false : `no binding is installed for ${rocksdbPackage()}`

/** What a job has written that has gone on. */
function rightRows(result: JobResult, dir: string): ReturnType<typeof readRows> {
  assert.equal(result.state, 'finished', result.state === 'failed' ? String(result.failure.error) : '')
  const rows = readRows(dir)
  assert.equal(new Set(rows.map(({ n }) => n)).size, rows.length)
  assert.deepEqual(
    rows.filter(({ wrong }) => wrong.length > 0),
    [],
  )
  return rows
}

void describe('the corpus of savepoints', () => {
  it('has one of this release and of each version of the formats that it writes', () => {
    assert.ok(entries.includes(currentEntry), `${currentEntry} is missing: npm run corpus makes it`)
  })

  for (const entry of entries) {
    // Also of a store of objects, since files are merged there.
    const folders = [['checkpoint', 'checkpoints'] as const, ['object-store', 'object-store'] as const].flatMap(([what, place]) => {
      const path = join(corpusFolder, entry, place)
      const checkpoint = existsSync(path) ? readdirSync(path).find((name) => name.startsWith('chk-')) : undefined
      return checkpoint === undefined ? [] : [[what, join(place, checkpoint)] as const]
    })
    for (const [what, path] of [['savepoint', 'savepoint'] as const, ...folders]) {
      it(`${entry}: its ${what} holds what it held`, async () => {
        const lines = readFileSync(join(corpusFolder, entry, `${what}.jsonl`), 'utf8')
          .split('\n')
          .slice(0, -1)
        assert.deepEqual(await linesOf(join(corpusFolder, entry, path)), lines)
      })

      it(`${entry}: a job goes on from its ${what}, each record once and every state right`, async () => {
        const from = join(corpusFolder, entry, path)
        const dir = join(folder, `${entry}-${what}`)
        const result = await startJob(everythingJob({ dir, count: CORPUS_COUNT, sinkUid: 'elsewhere' }), {
          parallelism: 3,
          restore: from,
          allowNonRestoredState: true,
          options: { stateDir: `${dir}-state`, checkpointing: { storage: 'filesystem' } },
        }).done
        const rows = rightRows(result, dir)
        const known: unknown[] = []
        for await (const each of (await openSavepoint(from)).entries({ operator: 'counts', state: 'numbers' }))
          known.push((each as ValueEntry).value)
        assert.ok(known.length > 0 && known.length < CORPUS_COUNT)
        assert.equal(new Set([...known, ...rows.map(({ n }) => n)]).size, CORPUS_COUNT)
        assert.ok(existsSync(from))
      })
    }

    // Older entries have none: until then there was no format of its own.
    if (existsSync(join(corpusFolder, entry, 'database')))
      it(`${entry}: a job goes on from its database, each record once and every state right`, { skip: noRocksdb }, async () => {
        const checkpoints = join(corpusFolder, entry, 'database')
        const dir = join(folder, `${entry}-database`)
        const result = await startJob(everythingJob({ dir, count: CORPUS_COUNT, sinkUid: 'elsewhere' }), {
          parallelism: 3,
          restore: join(
            checkpoints,
            readdirSync(checkpoints).find((name) => name.startsWith('chk-'))!,
          ),
          allowNonRestoredState: true,
          options: { stateDir: `${dir}-state`, state: { backend: 'rocksdb' }, checkpointing: { storage: 'filesystem' } },
        }).done
        const rows = rightRows(result, dir)
        const numbers = new Set(rows.map(({ n }) => n))
        const last = Array.from({ length: rows.length }, (_, at) => CORPUS_COUNT - rows.length + at)
        assert.ok(rows.length > 0 && rows.length < CORPUS_COUNT)
        assert.deepEqual(
          [...numbers].toSorted((a, b) => a - b),
          last,
        )
      })
  }
})
