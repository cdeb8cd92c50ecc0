using ControlCenter.Domain.Access;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Access;

/// <summary>Who gets in, by which key, and the ways to change that: the founder's page.</summary>
public sealed partial class AccessPage
{
    private readonly LiveList<ActorView> _list = new();
    private ActorFilter? _listed;
    private Caller? _caller;
    private Guid _me;
    private bool _refused;
    private bool _lettingIn;
    private ActorView? _rotating;
    private ActorView? _revoking;

    [SupplyParameterFromQuery]
    private string? Role { get; set; }

    [SupplyParameterFromQuery]
    private string? State { get; set; }

    /// <summary>That a key is used has no event: its time is looked up.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(15);

    private ActorFilter Filter => new(
        WireNames<Role>.TryParse(Role, out var role) ? role : null, WireNames<AccessState>.TryParse(State, out var state) ? state : null);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) =>
        happened.Record.Kind is "security.actor_created" or "security.key_created" or "security.key_revoked";

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _caller = await Callers.CallerAsync();
        _me = _caller.ActorId;
        _refused = !PermissionMatrix.Allows(_caller.Role, Permission.ManageKeys);
        if (_refused)
        {
            return;
        }

        if (_listed != Filter)
        {
            _listed = Filter;
            _list.Reset();
        }

        await _list.RefreshAsync(PageAsync);
    }

    private static string RotateWord(ActorView actor) => actor.KeysInForce > 0 ? "Rotate key" : "New key";

    private Task<Page<ActorView>> PageAsync(PageRequest page) => Queries.ListAsync(Filter, page, _caller!, Closed);

    private void Begin() => (_lettingIn, Problem) = (true, null);

    private void BeginRotate(ActorView actor) => (_rotating, Problem) = (actor, null);

    private void BeginRevoke(ActorView actor) => (_revoking, Problem) = (actor, null);

    private async Task<CreatedActor?> LetInAsync(CreateActorRequest request)
    {
        CreatedActor? created = null;
        await DoAsync(async caller => created = (await Create.ExecuteAsync(request, caller, null, Closed)).Value);
        await ShowAfterDialogAsync();
        return created;
    }

    private async Task<RotatedKey?> RotateAsync(ActorView actor)
    {
        RotatedKey? rotated = null;
        await DoAsync(async caller => rotated = await Session.RotateAsync(Rotate, actor.ActorId, caller, Closed));
        await ShowAfterDialogAsync();
        return rotated;
    }

    private async Task RevokeAsync(ActorView actor)
    {
        if (await DoAsync(caller => Revoke.ExecuteAsync(actor.ActorId, caller, null, Closed)))
        {
            _revoking = null;
            await RefreshAsync();
        }
    }

    // A dialog calls what it does as a function, which renders the dialog and not this page.
    private async Task ShowAfterDialogAsync()
    {
        await RefreshAsync();
        StateHasChanged();
    }
}
