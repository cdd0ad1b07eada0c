import '../styles/bulk.css'
import '../styles/members.css'
import { useEffect, useState } from 'preact/hooks'
import { type MemberView, ROLES, type Role } from '../../protocol/views.js'
import { api, asApiError } from '../api.js'
import { messageOf } from '../deciding.js'
import { sentence } from '../format.js'
import { userIdOf } from '../people.js'
import type { Room } from '../room.js'
import { Avatar } from './avatar.js'

export interface MembersDialogProps {
  readonly room: Room
  readonly role: Role
  readonly userId: string
  readonly onClose: () => void
}

/** Who may do what here: changed by admins, seen by everybody. */
export function MembersDialog({ room, role, userId, onClose }: MembersDialogProps) {
  const [members, setMembers] = useState<readonly MemberView[] | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const isAdmin = role === 'admin'
  const load = () =>
    api.members(room.id).then(
      ({ items }) => setMembers(items),
      (failure: unknown) => setProblem(messageOf(asApiError(failure))),
    )
  useEffect(() => {
    void load()
    return room.queries.show(['members'], load)
  }, [room])
  /** Whether it was done. */
  const change = async (act: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true)
    setProblem(null)
    try {
      await act()
      await load()
      return true
    } catch (failure) {
      setProblem(messageOf(asApiError(failure)))
      return false
    } finally {
      setBusy(false)
    }
  }
  const admins = (members ?? []).filter((member) => member.role === 'admin').map(({ user }) => user.name)
  return (
    <dialog
      class="dialog"
      aria-labelledby="members-title"
      closedby="any"
      ref={(element) => {
        if (element?.open === false) element.showModal()
      }}
      onClose={onClose}
    >
      <div class="dialog__body">
        <h2 id="members-title">Members</h2>
        <ul class="list members">
          {(members ?? []).map(({ user, role: given }) => (
            <li key={user.id} class="person">
              <Avatar user={user} isSmall />
              <span class="list__main">
                <span>
                  <strong>{user.name}</strong> <span class="muted">{user.id === userId ? '(you)' : user.id}</span>
                </span>
              </span>
              {isAdmin && user.id !== userId ? (
                <>
                  <RoleSelect
                    label={`Role of ${user.name}`}
                    value={given ?? 'viewer'}
                    isBusy={isBusy}
                    onChange={(value) => void change(() => api.putMember(room.id, user.id, { role: value }))}
                  />
                  <button
                    type="button"
                    class="button button--small"
                    disabled={isBusy}
                    aria-label={`Remove ${user.name}`}
                    onClick={() => void change(() => api.removeMember(room.id, user.id))}
                  >
                    Remove
                  </button>
                </>
              ) : (
                <span class="muted">{given !== null && sentence(given)}</span>
              )}
            </li>
          ))}
        </ul>
        {isAdmin ? (
          <AddMember isBusy={isBusy} onAdd={(id, name, given) => change(() => api.putMember(room.id, id, { role: given, name }))} />
        ) : (
          members !== null && (
            <p class="muted">
              Admins add people and change roles{admins.length > 0 ? `: ask ${admins.join(' or ')}` : ': ask whoever runs Tallyroom'}.
            </p>
          )
        )}
        {problem !== null && (
          <p class="notice notice--bad" role="alert">
            {problem}
          </p>
        )}
        <div class="row row--end">
          <button type="button" class="button" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
    </dialog>
  )
}

function AddMember(props: { readonly isBusy: boolean; readonly onAdd: (id: string, name: string, role: Role) => Promise<boolean> }) {
  const { isBusy, onAdd } = props
  const [name, setName] = useState('')
  /** null: what the name makes. */
  const [typedId, setTypedId] = useState<string | null>(null)
  const [role, setRole] = useState<Role>('analyst')
  const id = typedId ?? userIdOf(name)
  const add = async (event: Event) => {
    event.preventDefault()
    if (!(await onAdd(id, name.trim(), role))) return
    setName('')
    setTypedId(null)
  }
  return (
    <form class="members__add" onSubmit={(event) => void add(event)}>
      <label class="field">
        <span>Name</span>
        <input type="text" required maxLength={128} value={name} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span>User id</span>
        <input type="text" required maxLength={128} value={id} onInput={(event) => setTypedId(event.currentTarget.value)} />
      </label>
      <div class="field">
        <span>Role</span>
        <RoleSelect label="Role" value={role} isBusy={false} onChange={setRole} />
      </div>
      <button type="submit" class="button button--primary" disabled={isBusy || name.trim() === '' || id === ''}>
        Add
      </button>
      <p class="muted small">
        Viewers look, analysts and approvers import and decide, admins also add people. The id is made of the name, as in their sign-in
        link; who is added sees the project at once.
      </p>
    </form>
  )
}

function RoleSelect(props: {
  readonly label: string
  readonly value: Role
  readonly isBusy: boolean
  readonly onChange: (role: Role) => void
}) {
  const { label, value, isBusy, onChange } = props
  return (
    <select
      aria-label={label}
      value={value}
      disabled={isBusy}
      onChange={(event) => {
        const chosen = ROLES.find((known) => known === event.currentTarget.value)
        if (chosen !== undefined) onChange(chosen)
      }}
    >
      {ROLES.map((known) => (
        <option key={known} value={known}>
          {sentence(known)}
        </option>
      ))}
    </select>
  )
}
