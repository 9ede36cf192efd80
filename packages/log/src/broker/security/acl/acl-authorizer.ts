/** Access control by entries, super users, and what holds where there is no entry. */
import type { AclOperation, Authorizer, ResourceType } from '../authorizer.ts'
import { formatPrincipal, type ClientFacts } from '../principal.ts'
import type { AclIndex, Asker } from './acl-index.ts'

export interface AclAuthorizerOptions {
  readonly index: AclIndex
  /** 'User:name' */
  readonly superUsers: ReadonlySet<string>
  /** `allow.everyone.if.no.acl.found` */
  readonly allowsWithoutEntries: boolean
}

export class AclAuthorizer implements Authorizer {
  readonly #options: AclAuthorizerOptions

  constructor(options: AclAuthorizerOptions) {
    this.#options = options
  }

  allows(client: ClientFacts, operation: AclOperation, resource: ResourceType, name: string): boolean {
    const asker = askerOf(client)
    if (this.#isSuper(asker)) return true
    const decision = this.#options.index.decide(asker, operation, resource, name)
    return decision === 'allowed' || (decision === 'no entries' && this.#options.allowsWithoutEntries)
  }

  allowsSome(client: ClientFacts, operation: AclOperation, resource: ResourceType): boolean {
    const asker = askerOf(client)
    if (this.#isSuper(asker)) return true
    const { index, allowsWithoutEntries } = this.#options
    return index.decideForSome(asker, operation, resource) === 'allowed' || (allowsWithoutEntries && !index.coversAll(resource))
  }

  #isSuper({ principal }: Asker): boolean {
    return this.#options.superUsers.has(principal)
  }
}

/** `super.users`: names separated by semicolons. */
export function superUsersOf(text: string): ReadonlySet<string> {
  const names = text.split(';').map((name) => name.trim())
  return new Set(names.filter((name) => name !== ''))
}

function askerOf({ principal, host }: ClientFacts): Asker {
  return { principal: formatPrincipal(principal), host }
}
