import { coordinationError } from './errors.ts'

/** @throws COORDINATION_BAD_PATH */
export function checkPath(path: string): void {
  const problem = pathProblem(path)
  if (problem !== undefined) throw coordinationError('COORDINATION_BAD_PATH', { path, problem })
}

function pathProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return 'it does not begin with /'
  if (path === '/') return undefined
  if (path.includes('\0')) return 'it has a null character'
  for (const part of path.slice(1).split('/')) {
    if (part === '') return 'a part of it is empty'
    if (part === '.' || part === '..') return 'a part of it is relative'
  }
  return undefined
}

/** Of any path but the root. */
export function parentPath(path: string): string {
  const end = path.lastIndexOf('/')
  return end <= 0 ? '/' : path.slice(0, end)
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** A child's path. */
export function childPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`
}

/** The path itself and all above it but the root, from the top. */
export function pathsDownTo(path: string): string[] {
  const parts = path.slice(1).split('/')
  return parts.map((_, depth) => `/${parts.slice(0, depth + 1).join('/')}`)
}
