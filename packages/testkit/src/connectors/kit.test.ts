import { rejects } from 'node:assert/strict'
import { posix } from 'node:path'
import { describe, it } from 'node:test'
import type { Disk } from '@millrace/core'
import { collection, fileSink, type Sink, type SinkWriter, type Source, type SourceReader } from '@millrace/engine'
import { sinkConformance } from './sink-conformance.ts'
import { sourceConformance } from './source-conformance.ts'

const values = Array.from({ length: 2_000 }, (_, n) => n)

/** The collection, with one member of its readers replaced. */
function broken(change: (reader: SourceReader<number>) => Partial<SourceReader<number>>): () => Source<number> {
  return () => {
    const source = collection(values)
    return {
      ...source,
      createReader: (context) => {
        const reader = source.createReader(context)
        const bound: SourceReader<number> = {
          addSplits: (splits) => reader.addSplits(splits),
          noMoreSplits: () => reader.noMoreSplits(),
          poll: (output) => reader.poll(output),
          snapshot: () => reader.snapshot(),
          close: () => reader.close(),
        }
        return { ...bound, ...change(reader) }
      },
    }
  }
}

describe('the conformance kit for sources', () => {
  const fails = async (create: () => Source<number>, problem: RegExp): Promise<void> => {
    await rejects(sourceConformance<number>({ create, expected: () => values, lane: () => 'all' }), problem)
  }

  it('finds a snapshot that is behind, or ahead', async () => {
    const moved = (by: number): (() => Source<number>) =>
      broken((reader) => ({
        snapshot: () =>
          reader.snapshot().map((split) => ({ ...split, next: Math.max(0, (split as unknown as { next: number }).next + by) })),
      }))
    await fails(moved(-1), /times/)
    await fails(moved(1), /times/)
  })

  it('finds a reader that goes on after its end, or ends too early', async () => {
    await fails(
      broken((reader) => ({ poll: (output) => (reader.poll(output), 'end') })),
      /goes on|still holds|answered 'end' emits/,
    )
  })

  it('finds a snapshot that changes later', async () => {
    const live = { id: 'collection', next: 0 }
    await fails(
      broken((reader) => ({
        snapshot: () => {
          const split = reader.snapshot()[0]
          if (split === undefined) return []
          return [Object.assign(live, split)]
        },
      })),
      /changed after it was given/,
    )
  })

  it('finds a wrong order', async () => {
    await fails(
      broken((reader) => ({
        poll: (output) => {
          const batch: number[] = []
          const answer = reader.poll({ emit: (value) => void batch.push(value) })
          for (const value of batch.toReversed()) output.emit(value)
          return answer
        },
      })),
      /the order of all/,
    )
  })
})

describe('the conformance kit for sinks', () => {
  const dir = '/data/out'
  const fails = async (change: (writer: SinkWriter<string>) => Partial<SinkWriter<string>>, problem: RegExp): Promise<void> => {
    const create = (): Sink<string> => {
      const sink = fileSink({ dir })
      return {
        ...sink,
        createWriter: (context) => {
          const writer = sink.createWriter(context)
          const bound: SinkWriter<string> = {
            open: (restored) => writer.open(restored),
            write: (value, timestamp) => writer.write(value, timestamp),
            prepare: (checkpointId) => writer.prepare(checkpointId),
            commit: (handles, checkpointId) => writer.commit!(handles, checkpointId),
            close: () => writer.close(),
          }
          return { ...bound, ...change(writer) }
        },
      }
    }
    const options = {
      create,
      record: String,
      visible: async ({ disk }: { readonly disk: Disk }): Promise<string[]> => {
        const names = (await disk.list(dir).catch(() => [])).filter((name) => !name.startsWith('.'))
        const texts = await Promise.all(names.map(async (name) => Buffer.from(await disk.readFile(posix.join(dir, name))).toString()))
        return texts.flatMap((text) => text.split('\n').slice(0, -1))
      },
    }
    await rejects(sinkConformance<string>(options), problem)
  }

  it('finds what is published before its checkpoint is complete', async () => {
    await fails(
      (writer) => ({
        prepare: async (checkpointId) => {
          const handles = await writer.prepare(checkpointId)
          await writer.commit!(handles, checkpointId)
          return handles
        },
      }),
      /no completed checkpoint holds it/,
    )
  })

  it('finds handles that are not committed again after a restart', async () => {
    await fails((writer) => ({ open: () => writer.open([]) }), /not visible although it was committed/)
  })

  it('finds a record that is written twice, or never', async () => {
    let writes = 0
    await fails(
      (writer) => ({
        write: (value, timestamp) => {
          writer.write(value, timestamp)
          if (writes++ % 50 === 7) writer.write(value, timestamp)
        },
      }),
      /visible twice/,
    )
    await fails(
      (writer) => ({
        write: (value, timestamp) => {
          if (writes++ % 50 !== 7) writer.write(value, timestamp)
        },
      }),
      /not visible although it was committed/,
    )
  })
})
