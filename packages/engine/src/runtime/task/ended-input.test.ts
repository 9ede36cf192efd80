// A job that is started again after its input had come to its end.
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { defineJob, discard, files, generator, startJob, type, type ExecuteOptions, type JobEvent, type Source } from '../../index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-ended-'))
after(() => rmSync(folder, { recursive: true }))

interface Run {
  readonly lines: string[]
  readonly warnings: string[]
  readonly running: ReturnType<typeof startJob>
}

/** Counts the lines of the source, and tells of each with its number. */
function run(stateDir: string, source: Source<string>, restore?: ExecuteOptions['restore']): Run {
  const lines: string[] = []
  const warnings: string[] = []
  const job = defineJob('lines', (env) => {
    env
      .fromSource(source, { uid: 'lines' })
      .keyBy(() => null)
      .count()
      .uid('count')
      .process({ emits: type<never>(), onElement: ({ count }) => void lines.push(`${count}`) })
      .sinkTo(discard())
      .uid('nothing')
  })
  const onEvent = (event: JobEvent): void => {
    if (event.kind === 'log' && event.record.level === 'warn') warnings.push(event.record.message)
  }
  const options = { stateDir: join(folder, stateDir), checkpointing: { storage: 'filesystem', interval: '1h' } } as const
  return { lines, warnings, running: startJob(job, { options, onEvent, ...(restore === undefined ? {} : { restore }) }) }
}

const said = /^the input had ended when checkpoint \d+ was taken, .* --restore none/

it('says that there is nothing left to do, but for a file that is followed now', async () => {
  const path = join(folder, 'in.txt')
  writeFileSync(path, 'one\ntwo\n')
  const first = run('files', files({ path }))
  assert.equal((await first.running.done).state, 'finished')
  assert.deepEqual([first.lines, first.warnings], [['1', '2'], []])
  appendFileSync(path, 'three\n')
  for (const _ of ['again', 'and again']) {
    const again = run('files', files({ path }), 'latest')
    assert.equal((await again.running.done).state, 'finished')
    assert.deepEqual(again.lines, [])
    assert.equal(again.warnings.length, 1)
    assert.match(again.warnings[0]!, said)
  }
  const follows = run('files', files({ path, follow: true }), 'latest')
  while (follows.lines.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await follows.running.stop()
  assert.deepEqual([follows.lines, follows.warnings], [['3'], []])
})

it('does not say so of a job that was drained before its input had ended', async () => {
  const source = (): Source<string> => generator({ generate: (n) => `${n}`, count: 1_000_000, ratePerSecond: 1_000 })
  const first = run('drained', source())
  while (first.lines.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const savepoint = await first.running.stop({ savepoint: true, drain: true })
  const again = run('drained', source(), savepoint!.path)
  while (again.lines.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await again.running.cancel()
  assert.ok(!again.warnings.some((warning) => said.test(warning)))
})
