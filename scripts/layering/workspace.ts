import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Sources } from './check.ts'

export const root: string = join(import.meta.dirname, '../..')

/** The workspace's sources as they are on disk; tests, type tests and fixtures stand outside of the order. */
export function workspaceSources(): Sources {
  const paths = globSync('packages/*/src/**/*.ts', { cwd: root })
    .filter((path) => !/\.(test|types)\.ts$|\/(fixtures|node_modules|testing)\//.test(path))
    .toSorted()
  return new Map(paths.map((path) => [path.replace(/^packages\/([^/]+)\/src\//, '$1/'), readFileSync(join(root, path), 'utf8')]))
}
