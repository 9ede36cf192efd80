/** SaslHandshake 0 to 1 of a client that is known already: it authenticates again (KIP-368). The first time is `security/authentication.ts`. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { ApiHandler } from '../../handler.ts'
import { afterFailure } from './after-failure.ts'

export const saslHandshake: ApiHandler<'SaslHandshake'> = {
  name: 'SaslHandshake',
  async handle(request, context) {
    const { sasl } = context.origin.session
    if (sasl === undefined) return { errorCode: ERROR_CODE.ILLEGAL_SASL_STATE, mechanisms: [] }
    return await afterFailure(sasl.handshake(request, context.version), sasl, context)
  },
}
