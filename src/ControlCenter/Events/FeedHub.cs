using System.Runtime.CompilerServices;
using System.Text.Json;
using ControlCenter.Access;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Events;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.EventLog;
using Microsoft.AspNetCore.SignalR;

namespace ControlCenter.Events;

/// <summary>The same channels for dashboards of one's own, over SignalR: <c>stream("Feed", channel, after)</c> resumes by place, like the SSE stream.</summary>
/// <remarks>Signed in by the dashboard's cookie, or by a key as <c>access_token</c> as SignalR's clients send it.</remarks>
internal sealed class FeedHub(EventFeed feed, EventReader log, CallerDirectory directory, EndRevokedAccess revoked) : Hub
{
    private const int PageSize = 500;

    /// <summary>Events of a channel after a place, or from now on.</summary>
    public async IAsyncEnumerable<JsonElement> Feed(string channel, long? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (key, caller) = await HolderAsync(cancellationToken);
        using var watched = revoked.Watch(key, Context.Abort);
        if (!EventChannels.TryParse(channel, out var parsed))
        {
            throw new HubException($"The channel is one of {string.Join(", ", EventChannels.Wire)}; '{channel}' was given.");
        }

        caller.Require(Permission.ReadAll);
        var scope = new FeedScope(parsed, caller.ActorId);
        var position = after ?? feed.Head;
        var reset = await log.ResetAsync(position, feed.Head, cancellationToken);
        var batch = new List<FeedEvent>();
        while (true)
        {
            if (reset is not null)
            {
                yield return JsonSerializer.SerializeToElement(new { reset = true, resumes_after = reset.ResumesAfter });
                (position, reset) = (reset.ResumesAfter, null);
            }

            batch.Clear();
            if (feed.Read(position, scope, batch, PageSize, EventReader.PageBytes) is { } read)
            {
                position = read;
            }
            else
            {
                var page = await log.ReadPageAsync(position, feed.Head, PageSize, cancellationToken);
                reset = await log.ResetAsync(position, feed.Head, cancellationToken);
                if (reset is not null)
                {
                    // Retention was quicker than this reader: part of the page may be missing.
                    continue;
                }

                batch.AddRange(page.Events.Select(r => new FeedEvent(r)).Where(e => e.IsWithin(scope)));
                position = page.Through;
            }

            foreach (var item in batch)
            {
                yield return JsonElement.Parse(item.Json.Span);
            }

            await feed.WaitForMoreAsync(position, cancellationToken);
        }
    }

    private async Task<KeyHolder> HolderAsync(CancellationToken cancellationToken)
    {
        var http = Context.GetHttpContext() ?? throw new HubException("There is no connection.");
        if (http.User.Identity?.IsAuthenticated == true && SessionKey.Of(http.User) is { } session)
        {
            // The connection may have stood open since before a revocation.
            return await directory.IsInForceAsync(session, cancellationToken)
                ? new KeyHolder(session, CallerAccessor.Of(http.User))
                : throw new HubException("unauthenticated: the session is over; sign in again.");
        }

        var header = http.Request.Headers.Authorization.ToString();
        var key = header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header["Bearer ".Length..] : http.Request.Query["access_token"].ToString();
        return (key.Length > 0 ? await directory.FindAsync(key, cancellationToken) : null) ?? throw new HubException("unauthenticated: give a key as access_token.");
    }
}
