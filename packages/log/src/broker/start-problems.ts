/** What keeps a broker from starting, told as what its operator can do about it. */
import { DiskError, MillraceError, NetworkError, messageOf } from '@millrace/core'
import { logError } from '../errors.ts'
import type { BrokerConfig } from './config/index.ts'
import { listenerPrefix, type ListenerSettings } from './security/listeners.ts'

/** The name under which a configuration of a listener was set: its own, or that of all listeners. */
export function nameAsSet(config: BrokerConfig, prefix: string, name: string): string {
  return config.prefixedNames().includes(`${prefix}${name}`) ? `${prefix}${name}` : name
}

type Reason = DiskError['reason']

const REASONS: { readonly [code: string]: Reason } = {
  EACCES: 'not-permitted',
  EPERM: 'not-permitted',
  EROFS: 'not-permitted',
  ENOTDIR: 'not-a-directory',
  EEXIST: 'exists',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
}

const DISK_PROBLEMS: { readonly [reason in Reason]?: (path: string) => string } = {
  'not-found': (path) => `there is no ${path}`,
  'is-a-directory': (path) => `${path} is a folder, not a file`,
  'not-a-directory': (path) => `${path} is a file, or lies below one, where a folder is needed`,
  exists: (path) => `${path} is a file, or lies below one, where a folder is needed`,
  'not-permitted': (path) => `the user of this process has no permission for ${path}`,
  'no-space': (path) => `the disk of ${path} is full`,
}

const NETWORK_PROBLEMS: { readonly [code: string]: string } = {
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'there is no such host',
  EACCES: 'the user of this process has no permission for that port',
}

/** Why a file or folder cannot be used, as the end of a sentence. */
export function diskProblem(error: unknown, path: string): string {
  const reason = error instanceof DiskError ? error.reason : REASONS[codeOf(error)]
  const told = reason === undefined ? undefined : DISK_PROBLEMS[reason]
  return told?.(path) ?? `${path}: ${messageOf(error)}`
}

/** @param path of the log directory */
export function directoryProblem(error: unknown, path: string): MillraceError {
  if (error instanceof MillraceError) return error
  return logError('BROKER_DIRECTORY_UNUSABLE', { path, problem: diskProblem(error, error instanceof DiskError ? error.path : path) }, error)
}

/** Why one of the `listeners` does not listen. */
export function listenerProblem(error: unknown, { name, host, port }: ListenerSettings, config: BrokerConfig): unknown {
  if (error instanceof NetworkError && error.reason === 'tls') {
    const prefix = listenerPrefix(name)
    const isInText = config.get('ssl.keystore.key', prefix) !== undefined
    const setBy = nameAsSet(config, prefix, isInText ? 'ssl.keystore.key' : 'ssl.keystore.location')
    return logError('SECURITY_CONFIG', { name: setBy, problem: `key and certificates cannot be used: ${error.message}` }, error)
  }
  return listenProblem(error, { name: `listener ${name}`, host, port, setBy: 'listeners (or port)' })
}

export interface ListenPlace {
  /** What is to listen there. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** The setting that says so. */
  readonly setBy: string
}

export function listenProblem(error: unknown, place: ListenPlace): unknown {
  if (error instanceof MillraceError || !(error instanceof Error)) return error
  return logError('BROKER_CANNOT_LISTEN', { ...place, problem: networkProblem(error) }, error)
}

function networkProblem(error: Error): string {
  return NETWORK_PROBLEMS[codeOf(error.cause)] ?? NETWORK_PROBLEMS[codeOf(error)] ?? error.message
}

/** The system's name of a failure; '' without one. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
