import { dirname, join } from 'node:path/posix'
import { importsOf, withoutComments } from './imports.ts'

export interface Layering {
  readonly order: readonly (readonly string[])[]
  readonly protocol: readonly string[]
  readonly edges: readonly string[]
}

/** Sources by path under `packages`, with the `src` folder left out: `core/io/clock.ts`. */
export type Sources = ReadonlyMap<string, string>

/** The longest of the units that is the file itself or a folder above it. */
export function unitOf(path: string, units: Iterable<string>): string | undefined {
  let best: string | undefined
  for (const unit of units) {
    if ((path === unit || path.startsWith(`${unit}/`)) && unit.length > (best?.length ?? 0)) best = unit
  }
  return best
}

/** Everything that breaks the order, one line each. */
export function layeringProblems(sources: Sources, layering: Layering): string[] {
  const rows = new Map(layering.order.flatMap((units, row) => units.map((unit) => [unit, row] as const)))
  const problems: string[] = []
  for (const path of sources.keys()) {
    const unit = unitOf(path, rows.keys())
    if (unit === undefined) {
      problems.push(`${path} is in no unit of scripts/layering/order.ts`)
      continue
    }
    for (const { target } of targetsOf(path, sources)) {
      const other = unitOf(target, rows.keys())
      if (other !== undefined && other !== unit && rows.get(other)! >= rows.get(unit)!) {
        problems.push(`${path} imports ${target}: ${unit} may not know ${other}`)
      }
    }
  }
  return [...problems, ...cycles(sources), ...impurities(sources, layering)]
}

interface Target {
  readonly target: string
  readonly typeOnly: boolean
}

/** The workspace's own files that a source imports. A package's name stands for its index. */
function targetsOf(path: string, sources: Sources): Target[] {
  return importsOf(sources.get(path)!).flatMap(({ specifier, typeOnly }) => {
    if (specifier.startsWith('.')) return [{ target: join(dirname(path), specifier), typeOnly }]
    const match = /^(?:@millrace\/([\w-]+)|(millrace))(?:\/(.+))?$/.exec(specifier)
    if (match === null) return []
    return [{ target: `${match[1] ?? match[2]!}/${match[3] ?? 'index.ts'}`, typeOnly }]
  })
}

/** Files that import each other in a circle, each circle named once. Types may refer to each other: only what runs counts. */
function cycles(sources: Sources): string[] {
  const state = new Map<string, 'open' | 'done'>()
  const trail: string[] = []
  const found: string[] = []
  const visit = (path: string): void => {
    if (state.get(path) === 'done' || !sources.has(path)) return
    if (state.get(path) === 'open') {
      found.push(`circular: ${[...trail.slice(trail.indexOf(path)), path].join(' -> ')}`)
      return
    }
    state.set(path, 'open')
    trail.push(path)
    for (const { target, typeOnly } of targetsOf(path, sources)) if (!typeOnly) visit(target)
    trail.pop()
    state.set(path, 'done')
  }
  for (const path of sources.keys()) visit(path)
  return found
}

const banned: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['node:fs', /['"]node:fs(?:\/promises)?['"]/],
  ['node:net', /['"]node:(?:net|tls|http|https|dgram)['"]/],
  ['node:timers', /['"]node:timers(?:\/promises)?['"]/],
  ['node:worker_threads', /['"]node:worker_threads['"]/],
  ['Date.now', /\bDate\.now\b|\bnew Date\(\)/],
  ['a timer', /\b(?:setTimeout|setInterval|setImmediate)\b/],
  ['Math.random', /\bMath\.random\b|\brandom(?:UUID|Bytes|FillSync)\b|\bgetRandomValues\b/],
  ['performance', /\bperformance\.|\bprocess\.hrtime\b|['"]node:perf_hooks['"]/],
]

/** Protocol code that reaches past the ports to the machine. */
function impurities(sources: Sources, layering: Layering): string[] {
  return [...sources]
    .filter(([path]) => unitOf(path, layering.protocol) !== undefined && unitOf(path, layering.edges) === undefined)
    .flatMap(([path, source]) => {
      const code = withoutComments(source)
      return banned
        .filter(([, pattern]) => pattern.test(code))
        .map(([what]) => `${path} uses ${what}: protocol code has only the ports of core/io`)
    })
}
