import { resolve } from 'node:path'
import { isFileUrl, pathOfFileUrl } from '@millrace/core'
import { engineError } from '../../errors.ts'

/** A place of checkpoints that is not a folder of this machine. */
export type CheckpointUrl =
  | { readonly scheme: 's3'; readonly bucket: string; readonly path: string }
  | { readonly scheme: 'hdfs' | 'webhdfs' | 'swebhdfs'; readonly host: string; readonly port: number | undefined; readonly path: string }

/** Whether this is a URL; otherwise it is a path. */
export function isCheckpointUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(text)
}

/**
 * What somebody names a checkpoint or savepoint by: the URL of a store as it is, else an absolute path; `file:` URLs are paths.
 *
 * @throws CHECKPOINT_URL_INVALID for a `file:` URL that names no path of this machine
 */
export function checkpointPlace(named: string): string {
  if (!isFileUrl(named)) return isCheckpointUrl(named) ? named : resolve(named)
  const path = pathOfFileUrl(named)
  if (path !== undefined) return resolve(path)
  throw engineError('CHECKPOINT_URL_INVALID', { url: named, problem: 'it names no absolute path of this machine, as file:///data does' })
}

/** `path` has no `/` at its ends. @throws CHECKPOINT_URL_INVALID */
export function parseCheckpointUrl(text: string): CheckpointUrl {
  const invalid = (problem: string): Error => engineError('CHECKPOINT_URL_INVALID', { url: text, problem })
  const [, scheme, authority, rest] = /^([a-z0-9+.-]+):\/\/([^/]*)(.*)$/i.exec(text) ?? []
  if (scheme === undefined || authority === undefined || rest === undefined) throw invalid('it is no URL')
  const parts = rest.split('/').filter((part) => part !== '')
  if (parts.some((part) => part === '.' || part === '..')) throw invalid("its path has '.' or '..' in it")
  const path = parts.join('/')
  switch (scheme.toLowerCase()) {
    case 's3':
    case 's3a':
      if (!/^[a-z0-9][a-z0-9._-]+$/i.test(authority)) throw invalid(`'${authority}' is no name of a bucket`)
      return { scheme: 's3', bucket: authority, path }
    case 'hdfs':
    case 'webhdfs':
    case 'swebhdfs': {
      const [, host, port] = /^(\[[0-9a-f:]+\]|[^:@[\]]+)(?::(\d{1,5}))?$/i.exec(authority) ?? []
      if (host === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) throw invalid(`'${authority}' is no host and port`)
      const known = scheme.toLowerCase() as 'hdfs' | 'webhdfs' | 'swebhdfs'
      return { scheme: known, host, port: port === undefined ? undefined : Number(port), path }
    }
    default:
      throw invalid(`'${scheme}' is not known`)
  }
}

/** As it is shown and compared: without a `/` at the end. */
export function formatCheckpointUrl(url: CheckpointUrl): string {
  const authority = url.scheme === 's3' ? url.bucket : url.port === undefined ? url.host : `${url.host}:${url.port}`
  return `${url.scheme}://${authority}${url.path === '' ? '' : `/${url.path}`}`
}
