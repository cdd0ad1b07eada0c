import { AppError, unreachable } from '../errors.js'
import { CLOSE_CODES } from '../protocol/close-codes.js'
import {
  type ClaimMessage,
  type HelloMessage,
  type Join,
  MAX_CLIENT_FRAME_BYTES,
  MAX_HELLO_JOINS,
  type PresenceMessage,
  type RefreshMessage,
  type ReleaseMessage,
} from '../protocol/messages.js'
import { type ParsedFrame, type ParsedMessage, parseClientFrame } from '../protocol/schemas.js'
import type { Message } from '../transport/transport.js'
import type { Session } from './session.js'

/** A `publish` whose events are still to be judged. */
export type Publish = Extract<ParsedMessage, { readonly type: 'publish' }>

/** What messages of clients cause; each answers by itself. */
export interface SessionActions {
  authenticate(session: Session, hello: HelloMessage): void
  join(session: Session, join: Join): void
  leave(session: Session, ref: number, project: string): void
  present(session: Session, message: PresenceMessage): void
  claim(session: Session, message: ClaimMessage): void
  release(session: Session, message: ReleaseMessage): void
  publish(session: Session, message: Publish): void
  refresh(session: Session, message: RefreshMessage): void
  /** A pong came. */
  answerPing(session: Session): void
  /** A frame was judged: the type of its message, or `refused`. */
  count(type: string, data: Message): void
  /** Milliseconds that the session has to wait before such a frame, 0 for none (C8). */
  spendFrame(session: Session): number
}

/** What the rules say about a frame in the state that its session is in. */
type Verdict =
  | { readonly kind: 'handle'; readonly message: ParsedMessage }
  /** It is answered when the credential has been judged. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'refuse'; readonly error: AppError; readonly ref: number | null; readonly isMalformed: boolean }
  | { readonly kind: 'end'; readonly error: AppError; readonly ref: number | null }

/** Malformed frames after which a session is closed (C6). */
const MAX_MALFORMED = 10

/** Takes one frame of a session: parse, decide, do. */
export function handleFrame(session: Session, data: Message, actions: SessionActions): void {
  if (session.state.kind === 'closed') return
  const verdict =
    session.state.kind === 'authenticating' ? wait(session.state, data) : decide(session, parseClientFrame(session.codec.decode(data)))
  if (verdict.kind !== 'wait') actions.count(verdict.kind === 'handle' ? verdict.message.type : 'refused', data)
  switch (verdict.kind) {
    case 'handle':
      handleMessage(session, verdict.message, actions)
      break
    case 'wait':
      if (session.state.kind === 'authenticating') session.state.waiting.push(data)
      break
    case 'refuse':
      if (verdict.isMalformed && ++session.malformedFrames >= MAX_MALFORMED) {
        session.end(verdict.error, verdict.ref, CLOSE_CODES.PROTOCOL_ERROR)
      } else session.fail(verdict.error, verdict.ref)
      break
    case 'end':
      session.end(verdict.error, verdict.ref, CLOSE_CODES.PROTOCOL_ERROR)
      break
    default:
      unreachable(verdict)
  }
}

/** Frames behind the hello are kept within a bound (C4). */
function wait(state: { waitingBytes: number }, data: Message): Verdict {
  // An empty frame costs something too.
  state.waitingBytes += Math.max(1, Buffer.byteLength(data))
  if (state.waitingBytes <= MAX_CLIENT_FRAME_BYTES) return { kind: 'wait' }
  const message = `at most ${MAX_CLIENT_FRAME_BYTES} bytes may follow hello before its answer`
  return { kind: 'end', error: new AppError('INVALID', { message }), ref: null }
}

function decide(session: Session, frame: ParsedFrame): Verdict {
  const isFirst = session.state.kind === 'opening'
  switch (frame.kind) {
    case 'message':
      if (isFirst === (frame.message.type === 'hello')) return { kind: 'handle', message: frame.message }
      if (isFirst) return { kind: 'end', error: new AppError('HELLO_REQUIRED'), ref: refOf(frame.message) }
      return { kind: 'refuse', error: new AppError('ALREADY_HELLO'), ref: null, isMalformed: false }
    case 'too-many-joins':
      if (!isFirst) return { kind: 'refuse', error: new AppError('ALREADY_HELLO'), ref: null, isMalformed: false }
      return { kind: 'end', error: new AppError('INVALID', { message: `hello has at most ${MAX_HELLO_JOINS} joins` }), ref: null }
    case 'malformed':
    case 'unknown-type': {
      if (isFirst) return { kind: 'end', error: new AppError('HELLO_REQUIRED'), ref: frame.ref }
      const isMalformed = frame.kind === 'malformed'
      return { kind: 'refuse', error: new AppError(isMalformed ? 'MALFORMED' : 'UNKNOWN_TYPE'), ref: frame.ref, isMalformed }
    }
    default:
      return unreachable(frame)
  }
}

/** The one switch over what clients say. */
function handleMessage(session: Session, message: ParsedMessage, actions: SessionActions): void {
  switch (message.type) {
    case 'hello':
      actions.authenticate(session, message)
      break
    case 'join':
      if (spendsFrame(session, message, actions)) actions.join(session, message)
      break
    case 'leave':
      actions.leave(session, message.ref, message.project)
      break
    case 'presence':
      // However many come, few go out (R4).
      actions.present(session, message)
      break
    case 'claim':
      if (spendsFrame(session, message, actions)) actions.claim(session, message)
      break
    case 'release':
      if (spendsFrame(session, message, actions)) actions.release(session, message)
      break
    case 'publish':
      if (spendsFrame(session, message, actions)) actions.publish(session, message)
      break
    case 'refresh':
      if (spendsFrame(session, message, actions)) actions.refresh(session, message)
      break
    case 'pong':
      // That it came is all that it says (C7).
      actions.answerPing(session)
      break
    default:
      unreachable(message)
  }
}

/** Whether the session may do this now; if not, it is told when (C8). */
function spendsFrame(session: Session, message: ParsedMessage, actions: SessionActions): boolean {
  const retryAfterMs = actions.spendFrame(session)
  if (retryAfterMs > 0) session.fail(new AppError('RATE_LIMITED', { message: 'too many frames' }), refOf(message), { retryAfterMs })
  return retryAfterMs === 0
}

function refOf(message: ParsedMessage): number | null {
  return 'ref' in message ? (message.ref ?? null) : null
}
