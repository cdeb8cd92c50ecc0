using System.Net;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Access;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Access;

public sealed class SessionTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_link_signs_in_once_and_its_session_ends_when_the_founders_key_is_rotated()
    {
        await using var host = await RunningHost.StartAsync(Stop);
        using var browser = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = host.Address };
        var token = await host.Services.GetRequiredService<SignInLinks>().IssueAsync(Stop);
        (await browser.GetAsync(new Uri($"/sign-in/link?token={token}", UriKind.Relative), Stop)).Headers.Location!.ToString().ShouldBe("/");
        (await browser.GetAsync(new Uri("/work", UriKind.Relative), Stop)).StatusCode.ShouldBe(HttpStatusCode.OK);
        using (var second = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = host.Address })
        {
            (await second.GetAsync(new Uri($"/sign-in/link?token={token}", UriKind.Relative), Stop)).Headers.Location!.ToString().ShouldContain("problem=link");
        }

        var unused = await host.Services.GetRequiredService<SignInLinks>().IssueAsync(Stop);
        (await host.Client().PostAsync($"actors/{Actor.FounderId}/rotate-key", null, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        var after = await browser.GetAsync(new Uri("/work", UriKind.Relative), Stop);
        after.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        after.Headers.Location!.ToString().ShouldContain("/sign-in");

        // A link is for whoever reads the console, and goes by the newest key.
        (await browser.GetAsync(new Uri($"/sign-in/link?token={unused}", UriKind.Relative), Stop)).Headers.Location!.ToString().ShouldBe("/");
        (await browser.GetAsync(new Uri("/work", UriKind.Relative), Stop)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }
}
