/** A name for the folder of a job in a folder that jobs share: letters, digits, `.`, `-` and `_` stay, all else becomes `%XX`. Of two jobs never the same. */
export function jobFolderName(jobName: string): string {
  const escaped = encodeURIComponent(jobName.toWellFormed()).replace(
    /[!'()*~]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return escaped.replace(/^\.+$/, (dots) => '%2E'.repeat(dots.length)) || '%'
}
