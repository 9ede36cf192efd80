import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { leftovers, type FileSinkHandle } from './handle.ts'
import { finalName, hiddenName, parseHiddenName, word, type PartName } from './names.ts'

const part = (change: Partial<PartName> = {}): PartName => ({
  job: 'job',
  stateId: 'sink',
  subtask: 0,
  attempt: 1,
  run: '00c0ffee',
  sequence: 0,
  ...change,
})

describe('names of part files', () => {
  it('are hidden, short enough, no paths, and say where the part comes from', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.string({ maxLength: 300 }),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        (job, stateId, subtask, attempt, sequence) => {
          const name = hiddenName(part({ job, stateId, subtask, attempt, sequence }))
          ok(Buffer.byteLength(name) <= 255 && name.startsWith('.') && /^[\w.%~-]*$/.test(name), name)
          if (job === '' || stateId === '') return
          deepEqual(parseHiddenName(name), part({ job: word(job), stateId: word(stateId), subtask, attempt, sequence }))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('differ where any of it differs', () => {
    const names = [
      part(),
      part({ job: 'a.b' }),
      part({ job: 'a-b' }),
      part({ stateId: 'x' }),
      part({ subtask: 1 }),
      part({ attempt: 2 }),
      part({ run: '1' }),
    ]
    equal(new Set(names.map(hiddenName)).size, names.length)
    notEqual(word('x'.repeat(100)), word(`${'x'.repeat(99)}y`))
    equal(finalName(part(), 'part', '.txt'), 'part-job.sink.0.1.00c0ffee.0.txt')
  })

  it('of others are left alone', () => {
    for (const name of ['part-job.sink.0.1.c0ffee.0.txt', '.job.sink.0.1.part', '.job.sink.x.1.c0ffee.0.part', '.bashrc', '..']) {
      equal(parseHiddenName(name), undefined)
    }
  })
})

describe('leftovers', () => {
  const writer = { jobName: 'job', stateId: 'sink', subtask: 0, parallelism: 2, attempt: 5, restoring: true }
  const handle = (subtask: number, parallelism: number, files: string[]): FileSinkHandle => ({
    kind: 'file-sink',
    version: 1,
    dir: '/out',
    subtask,
    parallelism,
    files: files.map((hidden) => ({ hidden, final: 'x', sizeBytes: 1 })),
  })
  const names = [0, 1, 2, 3].flatMap((subtask) => [4, 5].map((attempt) => hiddenName(part({ subtask, attempt }))))
  const of = (subtask: number, attempt: number): string => hiddenName(part({ subtask, attempt }))

  it('are those of the subtasks whose handles the writer was given, and of larger ones for who was given that of 0', () => {
    deepEqual(leftovers(names, writer, [handle(1, 2, [])]), [of(1, 4)])
    deepEqual(leftovers(names, writer, [handle(0, 2, [])]), [of(0, 4), of(2, 4), of(3, 4)])
    deepEqual(leftovers(names, writer, [handle(0, 2, [of(0, 4)])]), [of(2, 4), of(3, 4)])
  })

  it('are nobody’s when no handle fell to the writer, and shared out when there is no checkpoint', () => {
    deepEqual(leftovers(names, writer, []), [])
    deepEqual(leftovers(names, { ...writer, restoring: undefined }, []), [])
    deepEqual(leftovers(names, { ...writer, restoring: false }, []), [of(0, 4), of(2, 4)])
  })

  it('of another job, another sink or a newer attempt are none', () => {
    const others = [part({ job: 'other' }), part({ stateId: 'other' }), part({ attempt: 6 })].map(hiddenName)
    deepEqual(leftovers(others, { ...writer, restoring: false }, []), [])
  })
})
