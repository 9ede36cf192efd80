/** AlterUserScramCredentials 0: all changes of a user are made, or none. Needs Alter on the cluster. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import {
  credentialOf,
  SCRAM_ITERATIONS_MAX,
  SCRAM_ITERATIONS_MIN,
  type ScramCredential,
  type ScramName,
} from '../../security/sasl/scram-credential.ts'
import type { ScramCredentials } from '../../security/sasl/scram-store.ts'
import { scramOfCode } from './scram-mechanisms.ts'

type Request = ApiRequest<'AlterUserScramCredentials'>
type Upsertion = Request['upsertions'][number]
/** Of one user. */
type Wanted = Pick<Request, 'deletions' | 'upsertions'>
type Result = ApiResponseToSend<'AlterUserScramCredentials'>['results'][number]
type Changes = Map<ScramName, ScramCredential | undefined>

interface Problem {
  readonly errorCode: number
  readonly errorMessage: string
}

export const alterUserScramCredentials: ApiHandler<'AlterUserScramCredentials'> = {
  name: 'AlterUserScramCredentials',
  async handle(request, { broker, allows }) {
    const deletions = Map.groupBy(request.deletions, ({ name }) => name)
    const upsertions = Map.groupBy(request.upsertions, ({ name }) => name)
    const users = new Set([...deletions.keys(), ...upsertions.keys()])
    const isAllowed = allows('Alter', 'Cluster', CLUSTER_NAME)
    const results: Result[] = []
    for (const user of users) {
      const wanted = { deletions: deletions.get(user) ?? [], upsertions: upsertions.get(user) ?? [] }
      if (isAllowed) results.push({ user, ...(await alter(user, wanted, broker.security.credentials)) })
      else results.push({ user, errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, errorMessage: null })
    }
    return { throttleTimeMs: 0, results }
  },
}

async function alter(user: string, wanted: Wanted, credentials: ScramCredentials): Promise<Omit<Result, 'user'>> {
  const changes = changesOf(user, wanted, credentials)
  if (!(changes instanceof Map)) return changes
  try {
    await credentials.change(user, changes)
    return { errorCode: ERROR_CODE.NONE, errorMessage: null }
  } catch (error) {
    return { errorCode: errorCodeOf(error), errorMessage: 'The credentials could not be stored' }
  }
}

function changesOf(user: string, { deletions, upsertions }: Wanted, credentials: ScramCredentials): Changes | Problem {
  if (user === '') return problem(ERROR_CODE.UNACCEPTABLE_CREDENTIAL, 'Username must not be empty')
  const changes: Changes = new Map()
  const twice = problem(ERROR_CODE.DUPLICATE_RESOURCE, 'A user credential cannot be altered twice in the same request')
  for (const { mechanism } of deletions) {
    const name = scramOfCode(mechanism)
    if (name === undefined) return problem(ERROR_CODE.UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism')
    if (changes.has(name)) return twice
    if (credentials.stored(user, name) === undefined) {
      return problem(ERROR_CODE.RESOURCE_NOT_FOUND, 'Attempt to delete a user credential that does not exist')
    }
    changes.set(name, undefined)
  }
  for (const upsertion of upsertions) {
    const name = scramOfCode(upsertion.mechanism)
    if (name === undefined) return problem(ERROR_CODE.UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism')
    if (changes.has(name)) return twice
    const credential = credentialFrom(name, upsertion)
    if ('errorCode' in credential) return credential
    changes.set(name, credential)
  }
  return changes
}

function credentialFrom(name: ScramName, { iterations, salt, saltedPassword }: Upsertion): ScramCredential | Problem {
  if (iterations < SCRAM_ITERATIONS_MIN) return problem(ERROR_CODE.UNACCEPTABLE_CREDENTIAL, 'Too few iterations')
  if (iterations > SCRAM_ITERATIONS_MAX) return problem(ERROR_CODE.UNACCEPTABLE_CREDENTIAL, 'Too many iterations')
  if (salt.length === 0 || saltedPassword.length === 0)
    return problem(ERROR_CODE.UNACCEPTABLE_CREDENTIAL, 'The salt or the password is empty')
  return credentialOf(name, Buffer.from(saltedPassword), Buffer.from(salt), iterations)
}

function problem(errorCode: number, errorMessage: string): Problem {
  return { errorCode, errorMessage }
}
