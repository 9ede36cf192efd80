const entry = import.meta.resolve('@millrace/engine')
/** Where this package's code is, and that of the testkit, which calls it for the user: frames of it are not the user's, unless they are its tests. */
const own = [new URL('.', entry), new URL('../../testkit/', entry)]
/** Some installers keep each package in a place of its own. */
const ownFolders = [...own.flatMap(({ href, pathname }) => [href, pathname]), '/node_modules/@millrace/testkit/']

/** The user's line that called into these packages, as `file:line:column`; a link in most terminals. For messages only, never in the graph. */
export function callOrigin(): string | undefined {
  const frames = new Error('origin').stack?.split('\n').slice(1) ?? []
  const outside = frames.find((frame) => !ownFolders.some((folder) => frame.includes(folder)) || frame.includes('.test.ts:'))
  return outside === undefined ? undefined : /\(?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/.exec(outside)?.[1]
}
