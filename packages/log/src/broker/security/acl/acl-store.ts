/**
 * Access control entries, kept where Kafka keeps them: `/kafka-acl/<type>/<name>` and `/kafka-acl-extended/prefixed/<type>/<name>`.
 *
 * 1. `index` is what was stored last, as far as this broker has heard; a change that has resolved is heard.
 * 2. An entry is there once, however often it is made.
 * 3. Entries that cannot be read deny: the resource is closed to everybody but super users.
 */
import type { CoordinationSession } from '@millrace/core'
import { logError } from '../../../errors.ts'
import type { ResourceType } from '../authorizer.ts'
import { NodeMirror } from '../store/node-mirror.ts'
import { fromNodeName, toNodeName } from '../store/node-name.ts'
import { updateNode } from '../store/node-update.ts'
import { AclIndex } from './acl-index.ts'
import { EVERY_HOST, EVERYBODY, OPERATION_CODE, PERMISSION_CODE, RESOURCE_CODE, sameEntry } from './acl.ts'
import type { AclBinding, AclEntry, AclPattern, AclResource } from './acl.ts'

const ROOTS = { Literal: '/kafka-acl', Prefixed: '/kafka-acl-extended/prefixed' } as const
const CLOSED: readonly AclEntry[] = [{ principal: EVERYBODY, host: EVERY_HOST, operation: 'All', permission: 'Deny' }]

export class AclStore {
  readonly index = new AclIndex()
  readonly #session: CoordinationSession
  readonly #mirrors = new Map<AclPattern, NodeMirror>()

  private constructor(session: CoordinationSession) {
    this.#session = session
  }

  /** @param onFailure hears of entries that cannot be read */
  static async open(session: CoordinationSession, onFailure: (error: unknown) => void): Promise<AclStore> {
    const store = new AclStore(session)
    for (const pattern of ['Literal', 'Prefixed'] as const) {
      const options = { session, root: ROOTS[pattern], onFailure }
      const heard = (path: string, bytes: Uint8Array | undefined): void => store.#heard(pattern, path, bytes, onFailure)
      store.#mirrors.set(pattern, await NodeMirror.open(options, heard))
    }
    return store
  }

  *all(): Generator<AclBinding> {
    for (const { resource, entries } of this.index.all()) for (const entry of entries) yield { resource, entry }
  }

  /** @throws COORDINATION_*, SECURITY_STORED_CORRUPT */
  add({ resource, entry }: AclBinding): Promise<void> {
    return this.#change(resource, (entries) => (entries.some((each) => sameEntry(each, entry)) ? entries : [...entries, entry]))
  }

  /** @throws COORDINATION_*, SECURITY_STORED_CORRUPT */
  remove({ resource, entry }: AclBinding): Promise<void> {
    return this.#change(resource, (entries) => entries.filter((each) => !sameEntry(each, entry)))
  }

  close(): void {
    for (const mirror of this.#mirrors.values()) mirror.close()
  }

  async #change(resource: AclResource, change: (entries: readonly AclEntry[]) => readonly AclEntry[]): Promise<void> {
    const path = `${ROOTS[resource.pattern]}/${resource.type}/${toNodeName(resource.name)}`
    await updateNode(this.#session, path, (bytes) => {
      const entries = change(bytes === undefined ? [] : readEntries(path, bytes))
      return entries.length === 0 ? undefined : formatEntries(entries)
    })
    await this.#mirrors.get(resource.pattern)!.refresh(path)
  }

  #heard(pattern: AclPattern, path: string, bytes: Uint8Array | undefined, onFailure: (error: unknown) => void): void {
    const [type, node, ...rest] = path.slice(ROOTS[pattern].length + 1).split('/')
    if (!isResourceType(type) || node === undefined || rest.length > 0) return
    const name = fromNodeName(node)
    if (name === null) return
    let entries: readonly AclEntry[] = []
    try {
      if (bytes !== undefined) entries = readEntries(path, bytes)
    } catch (error) {
      onFailure(error)
      entries = CLOSED
    }
    this.index.put({ type, pattern, name }, entries)
  }
}

function formatEntries(entries: readonly AclEntry[]): Uint8Array {
  const acls = entries.map(({ principal, permission, operation, host }) => ({ principal, permissionType: permission, operation, host }))
  return Buffer.from(JSON.stringify({ version: 1, acls }))
}

function readEntries(path: string, bytes: Uint8Array): readonly AclEntry[] {
  const corrupt = (problem: string, cause?: unknown): Error => logError('SECURITY_STORED_CORRUPT', { path, problem }, cause)
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw corrupt('it is no JSON', cause)
  }
  const acls = isObject(parsed) ? parsed['acls'] : undefined
  if (!Array.isArray(acls)) throw corrupt('it has no entries')
  return acls.map((acl: unknown) => {
    const { principal, host, operation, permissionType: permission } = isObject(acl) ? acl : {}
    if (typeof principal !== 'string' || typeof host !== 'string') throw corrupt('an entry is for nobody')
    if (!isOperation(operation) || !isPermission(permission)) throw corrupt('an entry says nothing')
    return { principal, host, operation, permission }
  })
}

function isResourceType(text: string | undefined): text is ResourceType {
  return text !== undefined && Object.hasOwn(RESOURCE_CODE, text)
}

function isOperation(text: unknown): text is AclEntry['operation'] {
  return typeof text === 'string' && Object.hasOwn(OPERATION_CODE, text)
}

function isPermission(text: unknown): text is AclEntry['permission'] {
  return typeof text === 'string' && Object.hasOwn(PERMISSION_CODE, text)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
