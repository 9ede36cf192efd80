import { fileURLToPath } from 'node:url'
import { getCallSites } from 'node:util'

const entry = import.meta.resolve('@millrace/engine')
/**
 * Where this package is, and the testkit, which calls it for the user: frames of them are not the user's, unless they are their tests. The whole of the package, because with source
 * maps on a stack names the sources of what was built.
 */
const own = [new URL('..', entry), new URL('../../testkit/', entry)]
/** Some installers keep each package in a place of its own. */
const ownFolders = [...own.flatMap((folder) => [folder.href, fileURLToPath(folder)]), '/node_modules/@millrace/testkit/']

function isOwn(place: string): boolean {
  return ownFolders.some((folder) => place.includes(folder)) && !/\.test\.ts(?::|$)/.test(place)
}

/** The user's line that called into these packages, as `file:line:column`; a link in most terminals. For messages only, never in the graph. */
export function callOrigin(): string | undefined {
  const frames = new Error('origin').stack?.split('\n').slice(1) ?? []
  const outside = frames.find((frame) => !isOwn(frame))
  return outside === undefined ? undefined : /\(?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/.exec(outside)?.[1]
}

/** The URL or path of the user's module that called into these packages: what is imported, not the source that it was built from. */
export function callModule(): string | undefined {
  const outside = getCallSites(10, { sourceMap: false }).find(({ scriptName }) => !isOwn(scriptName))?.scriptName
  return outside !== undefined && /^(?:file:\/\/|\/|[A-Za-z]:\\)/.test(outside) ? outside : undefined
}
