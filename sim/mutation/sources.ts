/** Sources whose snapshots are not where they stand. */
import type { Source, Split, SplitEnumerator } from '@millrace/engine'
import { overlay, type Interposer } from '../interposer.ts'

/** Splits of all sources that count in steps. */
interface CountingSplit extends Split {
  readonly next?: number
  readonly step?: number
}

function shifted(steps: number): Interposer {
  return {
    source: <T>(source: Source<T>): Source<T> => ({
      ...source,
      createReader: (context) => {
        const reader = source.createReader(context)
        return overlay(reader, {
          snapshot: () =>
            reader.snapshot().map((split: CountingSplit) => {
              if (split.next === undefined) return split
              return { ...split, next: Math.max(0, split.next + steps * (split.step ?? 1)) }
            }),
        })
      },
    }),
  }
}

export function offsetAhead(): Interposer {
  return shifted(1)
}

export function offsetBehind(): Interposer {
  return shifted(-1)
}

/** An enumerator whose snapshot still has the first split that it gave away. */
export function enumeratorKeepsAssigned(): Interposer {
  return {
    source: <T>(source: Source<T>): Source<T> => {
      if (source.connector !== 'splits') return source
      return {
        ...source,
        createEnumerator: (context): SplitEnumerator => {
          let kept: readonly Split[] = []
          const enumerator = source.createEnumerator({
            ...context,
            assign: (subtask, splits) => {
              kept = splits
              context.assign(subtask, splits)
            },
          })
          return overlay(enumerator, { snapshot: () => [...(enumerator.snapshot() as readonly Split[]), ...kept] })
        },
      }
    },
  }
}
