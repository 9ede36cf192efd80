/** Sinks that break their two phases. */
import type { Sink, SinkWriter } from '@millrace/engine'
import { overlay, type Interposer } from '../interposer.ts'

function writers(wrap: <T>(writer: SinkWriter<T>) => SinkWriter<T>): Interposer {
  return { sink: <T>(sink: Sink<T>): Sink<T> => ({ ...sink, createWriter: (context) => wrap(sink.createWriter(context)) }) }
}

export function commitAtPrepare(): Interposer {
  return writers((writer) =>
    overlay(writer, {
      prepare: async (checkpointId) => {
        const handles = await writer.prepare(checkpointId)
        await writer.commit?.(handles, checkpointId)
        return handles
      },
    }),
  )
}

interface HandleOfFiles {
  readonly files: readonly unknown[]
}

/** The handles that go into the checkpoint say that nothing was written. */
export function forgetHandles(): Interposer {
  return writers((writer) =>
    overlay(writer, {
      prepare: async (checkpointId) => {
        const handles = (await writer.prepare(checkpointId)) as readonly HandleOfFiles[]
        return handles.map((handle) => ({ ...handle, files: [] }))
      },
    }),
  )
}

export function forgetRestoredHandles(): Interposer {
  return writers((writer) =>
    overlay(writer, {
      open: (restored) => writer.open((restored as readonly HandleOfFiles[]).map((handle) => ({ ...handle, files: [] }))),
    }),
  )
}
