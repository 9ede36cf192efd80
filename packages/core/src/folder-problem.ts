import { messageOf } from './errors.ts'
import { DiskError, type DiskErrorReason } from './io/disk.ts'

const problems: { readonly [reason in DiskErrorReason]?: string } = {
  exists: 'it is a file, or lies below one, where a folder is needed',
  'not-a-directory': 'it is a file, or lies below one, where a folder is needed',
  'not-permitted': 'the user of this process has no permission for it',
  'no-space': 'the disk is full',
}

/** Why a folder that somebody has named cannot be made or looked into, as a part of another message. */
export function folderProblem(error: unknown): string {
  const told = error instanceof DiskError ? problems[error.reason] : undefined
  return told ?? messageOf(error)
}
