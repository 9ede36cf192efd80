import { fileURLToPath } from 'node:url'

/** Whether a text means a `file:` URL and no path: also where it names nothing on this machine. */
export function isFileUrl(text: string): boolean {
  return /^file:/i.test(text)
}

/** The path that a `file:` URL names; undefined where it is relative, of another host, or has a query or fragment, which no path has. */
export function pathOfFileUrl(text: string): string | undefined {
  if (!/^file:(?:\/\/(?:localhost)?)?\/(?!\/)[^?#]*$/i.test(text)) return undefined
  try {
    return fileURLToPath(text)
  } catch {
    return undefined
  }
}
