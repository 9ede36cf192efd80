/** Where this package's code is: frames of it are not the user's, unless they are its tests. */
const own = new URL('.', import.meta.resolve('@millrace/engine'))
const ownFolders = [own.href, own.pathname]

/** The user's line that called into this package, as `file:line:column`; a link in most terminals. For messages only, never in the graph. */
export function callOrigin(): string | undefined {
  const frames = new Error('origin').stack?.split('\n').slice(1) ?? []
  const outside = frames.find((frame) => !ownFolders.some((folder) => frame.includes(folder)) || frame.includes('.test.ts:'))
  return outside === undefined ? undefined : /\(?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/.exec(outside)?.[1]
}
