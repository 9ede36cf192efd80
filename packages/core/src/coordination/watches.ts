import type { Cancel } from '../io/clock.ts'
import type { WatchEvent, WatchScope } from './coordination.ts'
import { pathsDownTo } from './paths.ts'

interface Watch {
  readonly session: string
  readonly listener: (event: WatchEvent) => void
  readonly isOnce: boolean
}

/** Who is to be told of what. A listener that throws is a bug of its own, and keeps nobody else from hearing. */
export class Watches {
  readonly #byPlace = new Map<string, Set<Watch>>()

  add(path: string, scope: WatchScope, watch: Watch): Cancel {
    const place = placeOf(scope, path)
    const watches = this.#byPlace.get(place) ?? new Set()
    this.#byPlace.set(place, watches)
    watches.add(watch)
    return () => this.#remove(place, watch)
  }

  removeSession(session: string): void {
    for (const [place, watches] of this.#byPlace) for (const watch of watches) if (watch.session === session) this.#remove(place, watch)
  }

  tell(event: WatchEvent): void {
    for (const place of placesOf(event)) {
      for (const watch of this.#byPlace.get(place) ?? []) {
        if (watch.isOnce) this.#remove(place, watch)
        call(watch.listener, event)
      }
    }
  }

  #remove(place: string, watch: Watch): void {
    const watches = this.#byPlace.get(place)
    if (watches?.delete(watch) === true && watches.size === 0) this.#byPlace.delete(place)
  }
}

function placeOf(scope: WatchScope, path: string): string {
  return `${scope} ${path}`
}

function placesOf({ kind, path }: WatchEvent): string[] {
  if (kind === 'children') return [placeOf('children', path)]
  const above = path === '/' ? [] : pathsDownTo(path).map((each) => placeOf('tree', each))
  const gone = kind === 'removed' ? [placeOf('children', path)] : []
  return [placeOf('node', path), ...gone, placeOf('tree', '/'), ...above]
}

function call(listener: (event: WatchEvent) => void, event: WatchEvent): void {
  try {
    listener(event)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
