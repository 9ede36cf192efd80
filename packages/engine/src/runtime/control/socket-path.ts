import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Bytes of a socket's path on the strictest of the systems we run on, less one. */
const PATH_BYTES_MAX = 103

/** Where a job listens: in its state folder, or, as paths of sockets are short, under a name made from that folder's in the folder for temporary files. */
export function controlSocketPath(jobStateFolder: string): string {
  const path = join(jobStateFolder, 'control.sock')
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return path
  const name = createHash('sha256').update(jobStateFolder).digest('hex').slice(0, 24)
  // Not `userInfo`, which fails for a user that the system does not know, as one that a container gives its process by number.
  return join(tmpdir(), `millrace-${process.geteuid?.() ?? -1}-${name}.sock`)
}
