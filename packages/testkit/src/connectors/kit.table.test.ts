// A small source and a small sink conform; each mistake that can be made in them is found, by a message that says what it is.
import { match, ok, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { batchSink, type SinkMistake } from './fixtures/batch-sink.ts'
import { pagesSource, type SourceMistake } from './fixtures/pages-source.ts'
import type { TestMachine } from './machine.ts'
import { sinkConformance, type SinkConformanceReport } from './sink-conformance.ts'
import { sourceConformance, type SourceConformanceReport } from './source-conformance.ts'

async function messageOf(work: Promise<unknown>): Promise<string> {
  let message = ''
  await rejects(work, (error: Error) => {
    message = error.message
    return true
  })
  return message
}

/** The first that meets a mistake ends the run. Not each meets each, and what one meets depends a little on what else the process is doing. */
const untilFound = { seeds: Array.from({ length: 200 }, (_, index) => index + 1) }

describe('the conformance kit finds in a source', () => {
  const small = Array.from({ length: 7 }, (_, page) => Array.from({ length: 45 }, (_, line) => `${page}.${line}`))
  const large = [Array.from({ length: 3_000 }, (_, line) => `0.${line}`)]
  const conformance = (mistake?: SourceMistake): Promise<SourceConformanceReport> => {
    const pages = mistake === 'emits it all at once' ? large : small
    return sourceConformance<string>({
      ...(mistake === undefined ? {} : untilFound),
      create: () => pagesSource(pages, mistake),
      expected: () => pages.flat(),
      lane: (line) => line.split('.')[0]!,
    })
  }

  it('nothing where nothing is wrong', async () => {
    const { restores, rescales, snapshots } = await conformance()
    ok(restores > 20 && rescales > 20 && snapshots > 100)
  })

  const lost = /is in the input 1 time and came 0 times: a snapshot stood behind what had been emitted/
  const table: readonly (readonly [SourceMistake, RegExp])[] = [
    ['answers live splits', /snapshot\(\) of the reader of subtask \d changed after it was given: answer a copy/],
    [
      'answers that it has more and has not',
      /the source is stuck .* has answered 'more', though it has nothing to emit: that is for 'wait'/,
    ],
    ['assigns what it has assigned', /two splits have the same id, page \d: .* assigned although a reader had it/],
    ['emits from a callback', /the reader of subtask \d emits while it is not polled/],
    ['emits it all at once', /one poll has emitted 3000 records/],
    ['ends before it has its splits', /a reader answered 'end' before noMoreSplits was called/],
    ['forgets all splits but the first', lost],
    ['forgets splits that come back', lost],
    ['gives all splits one id', /two splits have the same id, page: either ids are not unique/],
    ['has a function in its snapshot', /snapshot\(\) of the enumerator must be plain data, .*value\.unassigned is a function/],
    ['has an instance of a class in its snapshot', /snapshot\(\) of the reader of subtask \d must be plain data, .*instance of Progress/],
    ['moves on before it emits', lost],
    ['never says that there are no more splits', /the source is stuck .* noMoreSplits was not called for it/],
    ['never wakes its task', /the source is stuck after 0 records: .* has answered 'wait' and not called wake since/],
    ['puts new splits in place of those it has', lost],
    ['starts anew whatever is restored', /two splits have the same id|came 2 times, in life/],
  ]
  for (const [mistake, message] of table) it(`that it ${mistake}`, async () => match(await messageOf(conformance(mistake)), message))

  it('what had happened before', async () => {
    match(
      await messageOf(conformance('moves on before it emits')),
      /^seed 1: .*\nwhat had happened, the newest last:\n[^]*\n {2}life \d, with \d subtasks?, begins from the last snapshot/,
    )
  })
})

describe('the conformance kit finds in a sink', () => {
  const out = ({ folder }: TestMachine): string => `${folder}/out`
  const namesIn = (machine: TestMachine): Promise<readonly string[]> => machine.disk.list(out(machine)).catch(() => [])
  const conformance = (mistake?: SinkMistake): Promise<SinkConformanceReport> =>
    sinkConformance<string>({
      ...(mistake === undefined ? {} : untilFound),
      create: (machine) => batchSink(out(machine), mistake),
      record: (n) => `row ${n}`,
      visible: async (machine) => {
        const names = (await namesIn(machine)).filter((name) => !name.startsWith('.'))
        const texts = await Promise.all(
          names.map(async (name) => Buffer.from(await machine.disk.readFile(`${out(machine)}/${name}`)).toString()),
        )
        return texts.flatMap((text) => text.split('\n').slice(0, -1))
      },
      ...(mistake === 'leaves what nobody will commit'
        ? {
            leftovers: async (machine) => (await namesIn(machine)).filter((name) => name.startsWith('.')),
            lives: 2,
            seeds: [1, 2, 3, 4, 5, 6, 7, 8],
          }
        : {}),
    })

  it('nothing where nothing is wrong', async () => {
    const { restores, rescales, abandoned, crashesBeforeCommit, powerLosses, diskFailures } = await conformance()
    ok(restores > 20 && rescales > 20 && abandoned > 20 && crashesBeforeCommit > 20 && powerLosses > 20 && diskFailures > 5)
  })

  const notVisible = /"row \d+" is not visible although it was committed/
  const afterPowerLoss = /is not visible although it was committed\n[^]*the power fails: what was not synced/
  const table: readonly (readonly [SinkMistake, RegExp])[] = [
    ['answers instances of a class', /what prepare of subtask \d answers must be plain data, .*instance of LabelledBatch/],
    ['cannot commit twice', /rename .*not-found[^]*commit is called/],
    ['commits when it is closed', /"row \d+" is visible although no completed checkpoint holds it[^]*the writers are closed/],
    ['forgets what was not committed', notVisible],
    ['has no folder that outlives a crash', afterPowerLoss],
    ['leaves out the last row', notVisible],
    ['leaves what nobody will commit', /left behind at the end[^]*\.staged-/],
    ['never wakes its task', /ready\(\) of the writer of subtask \d answered false, and answers true now: it has not called wake/],
    ['publishes at the barrier', /"row \d+" is visible although no completed checkpoint holds it/],
    ['removes what it has prepared when it is closed', notVisible],
    ['removes what others are to commit', notVisible],
    ['renames without a sync', afterPowerLoss],
    ['restores without a commit', notVisible],
    ['stages without a sync of the folder', afterPowerLoss],
    ['stages without a sync of the file', afterPowerLoss],
    ['takes a failing disk for a file that is not there', notVisible],
  ]
  for (const [mistake, message] of table) it(`that it ${mistake}`, async () => match(await messageOf(conformance(mistake)), message))
})
