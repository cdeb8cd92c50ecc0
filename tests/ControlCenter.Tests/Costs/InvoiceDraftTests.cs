using System.IO.Pipelines;
using Bunit;
using ControlCenter.Dashboard.Costs;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Costs;
using Microsoft.AspNetCore.Components.Forms;

namespace ControlCenter.Tests.Costs;

public sealed class InvoiceDraftTests : BunitContext
{
    public InvoiceDraftTests() => JSInterop.Mode = JSRuntimeMode.Loose;

    [Fact]
    public void What_is_changed_after_it_was_checked_is_checked_again()
    {
        var draft = Draft();
        draft.CanImport.ShouldBeFalse();
        draft.Checked(new InvoicePreview([], 1, 5, 4, 1, -20, []));
        draft.CanImport.ShouldBeTrue();
        draft.Number = "2";
        draft.CanImport.ShouldBeFalse();
        draft.Number = "1";
        draft.CanImport.ShouldBeTrue();
        draft.TakeIn("other.csv", "amount\n6");
        draft.CanImport.ShouldBeFalse();
    }

    [Fact]
    public async Task A_press_that_overtakes_the_file_waits_for_it()
    {
        var stop = Xunit.TestContext.Current.CancellationToken;
        var sent = new Pipe();
        var draft = Draft();
        var read = draft.ReadAsync(new SentFile(sent.Reader.AsStream()), stop);
        draft.Reading.IsCompleted.ShouldBeFalse();
        await sent.Writer.WriteAsync("amount\n7"u8.ToArray(), stop);
        await sent.Writer.CompleteAsync();
        await draft.Reading.WaitAsync(stop);
        draft.ToImport().Csv.ShouldBe("amount\n7");
        await read;
    }

    [Fact]
    public void The_last_day_that_people_say_is_the_day_before_the_one_that_the_bus_is_told()
    {
        Draft().ToImport().PeriodTo.ShouldBe(new DateOnly(2026, 6, 1));
        Should.Throw<ValidationException>(() => new InvoiceDraft().ToImport()).Message.ShouldContain("Choose the invoice's file");
    }

    [Fact]
    public void What_stands_in_the_way_is_listed_and_what_would_be_booked_is_shown()
    {
        var draft = Draft();
        draft.Checked(new InvoicePreview(["Row 2: 'x' is not a number for amount (1234.56).", "Row 3 has no amount."], 0, 0, null, null, null, []));
        var fields = Render<InvoiceFields>(p => p.Add(f => f.Draft, draft));
        fields.FindAll("[role=alert] li").Select(l => l.TextContent).ShouldBe(["Row 2: 'x' is not a number for amount (1234.56).", "Row 3 has no amount."]);

        draft.Checked(new InvoicePreview([], 2, 10, 11, -1, 10, [new ReconciledModule("big", 8, 10, -2), new ReconciledModule(null, 2, 1, 1)]));
        fields.Render();
        fields.FindAll("[role=alert]").ShouldBeEmpty();
        fields.Find("[role=status]").TextContent.ShouldContain("the metering was off by +10 %");
        fields.FindAll("tbody tr").Count.ShouldBe(2);
    }

    private static InvoiceDraft Draft()
    {
        var draft = new InvoiceDraft { Provider = "acme", Number = "1", PeriodFrom = new DateOnly(2026, 5, 1), PeriodThrough = new DateOnly(2026, 5, 31) };
        draft.TakeIn("a.csv", "amount\n5");
        return draft;
    }

    private sealed class SentFile(Stream content) : IBrowserFile
    {
        public string Name => "late.csv";

        public DateTimeOffset LastModified => default;

        public long Size => 8;

        public string ContentType => "text/csv";

        public Stream OpenReadStream(long maxAllowedSize = 512000, CancellationToken cancellationToken = default) => content;
    }
}
