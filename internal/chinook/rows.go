package chinook

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Rows of one scale unit, as in the public sample database.
const (
	unitArtists   = 275
	unitAlbums    = 347
	unitTracks    = 3503
	unitCustomers = 59
	unitInvoices  = 412
	unitLines     = 2240
	employeeCount = 8

	// The last albums and tracks of a unit are video.
	unitVideoAlbums = 15
	unitVideoTracks = 213
	unitSilent      = 71 // artists without an album
)

const (
	audioPrice = 99 // cents
	videoPrice = 199

	firstVideoGenre, videoGenres = 18, 5
	videoMedia                   = 3
)

// invoiceSizes is how many lines invoices have, in turn; over 412 invoices that makes 2,240.
var invoiceSizes = []int{2, 4, 6, 9, 14, 1, 2}

// playlistSizes is how many tracks of one scale unit are in each playlist.
var playlistSizes = []int{3290, 0, 213, 0, 1477, 0, 0, 3290, 1, 213, 39, 75, 25, 25, 25, 15, 26, 1}

// catalogue computes every row from its table and position alone, so that rows can be streamed at any scale,
// and each time the same. Its slices are one scale unit's structure, which each unit repeats.
type catalogue struct {
	scale          int
	albumArtist    []int   // of an album: its artist's position in the unit
	trackAlbum     []int   // of a track: its album's position in the unit
	lineInvoice    []int   // of an invoice line: its invoice's position in the unit
	firstLine      []int   // of an invoice: its first line's position in the unit
	playlistTracks [][]int // of a playlist: its tracks' positions in the unit
	playlistStart  []int   // of a playlist: how many playlist tracks, of all units, come before its own
}

func newCatalogue(scale int) *catalogue {
	c := &catalogue{scale: scale}
	rng := random("structure", 0)
	artists := rng.Perm(unitArtists)[:unitArtists-unitSilent]
	slices.Sort(artists)
	c.albumArtist = distribute(rng, unitAlbums, artists)
	audio := distribute(rng, unitTracks-unitVideoTracks, sequence(0, unitAlbums-unitVideoAlbums))
	video := distribute(rng, unitVideoTracks, sequence(unitAlbums-unitVideoAlbums, unitAlbums))
	c.trackAlbum = append(audio, video...)
	for invoice := range unitInvoices {
		c.firstLine = append(c.firstLine, len(c.lineInvoice))
		for range invoiceSizes[invoice%len(invoiceSizes)] {
			c.lineInvoice = append(c.lineInvoice, invoice)
		}
	}
	start := 0
	for playlist, size := range playlistSizes {
		tracks := rng.Perm(unitTracks - unitVideoTracks)
		if size == unitVideoTracks {
			tracks = sequence(unitTracks-unitVideoTracks, unitTracks)
		}
		if size == 1 {
			tracks = []int{unitTracks - 1 - playlist}
		}
		tracks = tracks[:size]
		slices.Sort(tracks)
		c.playlistTracks = append(c.playlistTracks, tracks)
		c.playlistStart = append(c.playlistStart, start)
		start += size * scale
	}
	return c
}

func sequence(from, to int) []int {
	var all []int
	for n := from; n < to; n++ {
		all = append(all, n)
	}
	return all
}

// distribute gives each of n things, in order, one of the owners, in order; each owner gets at least one.
func distribute(rng *rand.Rand, n int, owners []int) []int {
	starts := rng.Perm(n - 1)[:len(owners)-1]
	slices.Sort(starts)
	given := make([]int, n)
	owner := 0
	for i := range given {
		for owner < len(starts) && starts[owner]+1 <= i {
			owner++
		}
		given[i] = owners[owner]
	}
	return given
}

// random is the source of chance of one row.
func random(table string, position int) *rand.Rand {
	var seed uint64 = 14695981039346656037 // FNV-1a
	for _, b := range []byte(table) {
		seed = (seed ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, uint64(position)))
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// maybe returns the value, or NULL with the probability.
func maybe(rng *rand.Rand, nullShare float64, value string) any {
	if rng.Float64() < nullShare {
		return nil
	}
	return value
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func cents(n int) pgtype.Numeric {
	return pgtype.Numeric{Int: big.NewInt(int64(n)), Exp: -2, Valid: true}
}

// fill replaces # by digits and ? by capital letters.
func fill(rng *rand.Rand, pattern string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '#':
			return '0' + rune(rng.IntN(10))
		case '?':
			return 'A' + rune(rng.IntN(26))
		default:
			return r
		}
	}, pattern)
}

func (c *catalogue) genre(i int) []any     { return []any{i + 1, genres[i]} }
func (c *catalogue) mediaType(i int) []any { return []any{i + 1, mediaTypes[i]} }
func (c *catalogue) playlist(i int) []any  { return []any{i + 1, playlistNames[i]} }

func (c *catalogue) artist(i int) []any {
	return []any{i + 1, artistName(random("artist", i))}
}

func artistName(rng *rand.Rand) string {
	switch rng.IntN(10) {
	case 0:
		return pick(rng, worldNames)
	case 1, 2:
		return pick(rng, firstNames) + " " + pick(rng, lastNames)
	case 3:
		return pick(rng, firstNames) + " & The " + pick(rng, nouns) + "s"
	case 4:
		return pick(rng, nouns) + "/" + pick(rng, nouns)
	default:
		return "The " + pick(rng, adjectives) + " " + pick(rng, nouns) + "s"
	}
}

func (c *catalogue) album(i int) []any {
	unit, position := i/unitAlbums, i%unitAlbums
	rng := random("album", i)
	title := songName(rng)
	if position >= unitAlbums-unitVideoAlbums {
		title = fmt.Sprintf("%s, Season %d", pick(rng, nouns), 1+rng.IntN(6))
	}
	return []any{i + 1, title, unit*unitArtists + c.albumArtist[position] + 1}
}

func songName(rng *rand.Rand) string {
	var name string
	switch rng.IntN(5) {
	case 0:
		name = pick(rng, verbs) + " the " + pick(rng, nouns)
	case 1:
		name = pick(rng, nouns) + " of the " + pick(rng, adjectives) + " " + pick(rng, nouns)
	case 2:
		name = pick(rng, worldNames)
	case 3:
		name = "Don't " + pick(rng, []string{"Wake", "Follow", "Forget"}) + " the " + pick(rng, nouns)
	default:
		name = pick(rng, adjectives) + " " + pick(rng, nouns)
	}
	if rng.IntN(8) == 0 {
		name += " " + pick(rng, suffixes)
	}
	return name
}

func isVideo(track int) bool { return track%unitTracks >= unitTracks-unitVideoTracks }

func trackPrice(track int) int {
	if isVideo(track) {
		return videoPrice
	}
	return audioPrice
}

func (c *catalogue) track(i int) []any {
	unit, position := i/unitTracks, i%unitTracks
	rng := random("track", i)
	album := unit*unitAlbums + c.trackAlbum[position]
	// The tracks of an album have the album's genre.
	genre := 1 + random("album's genre", album).IntN(len(genres)-videoGenres)
	if genre >= firstVideoGenre {
		genre += videoGenres
	}
	media := pick(rng, []int{1, 1, 1, 1, 1, 1, 2, 4, 5})
	milliseconds, bytesPerSecond := 90_000+rng.IntN(400_000), 32_000
	var composer any
	if isVideo(i) {
		genre, media = firstVideoGenre+rng.IntN(videoGenres), videoMedia
		milliseconds, bytesPerSecond = 1_200_000+rng.IntN(1_800_000), 190_000
	} else {
		composer = maybe(rng, 0.23, composers(rng))
	}
	bytes := milliseconds / 1000 * (bytesPerSecond + rng.IntN(2000))
	return []any{i + 1, songName(rng), album + 1, media, genre, composer, milliseconds, bytes, cents(trackPrice(i))}
}

func composers(rng *rand.Rand) string {
	names := make([]string, 1+rng.IntN(3))
	for n := range names {
		names[n] = pick(rng, firstNames) + " " + pick(rng, lastNames)
	}
	return strings.Join(names, pick(rng, []string{", ", "/", " & "}))
}

func (c *catalogue) employee(i int) []any {
	titles := []string{"General Manager", "Sales Manager", "Sales Support Agent", "Sales Support Agent",
		"Sales Support Agent", "IT Manager", "IT Staff", "IT Staff"}
	superiors := []any{nil, 1, 2, 2, 2, 1, 6, 6}
	rng := random("employee", i)
	at := places[0]
	first, last := pick(rng, firstNames), pick(rng, lastNames)
	return []any{i + 1, last, first, titles[i], superiors[i],
		day(1955, rng.IntN(20*365)), day(2002, rng.IntN(3*365)),
		fmt.Sprintf(at.street, 1+rng.IntN(9000)), at.city, at.state, at.country, fill(rng, at.postal),
		fill(rng, at.phone), fill(rng, at.phone), mailName(first) + "@chinook.example.com"}
}

func day(year, days int) time.Time {
	return time.Date(year, 1, 1+days, 0, 0, 0, 0, time.UTC)
}

// person is a customer, before there is a row of it.
type person struct {
	first, last, address, city, country, phone, email string
	company, state, postal, fax                       any // string or nil
}

func newPerson(rng *rand.Rand, number int) person {
	at := pick(rng, places)
	p := person{
		first: pick(rng, firstNames), last: pick(rng, lastNames),
		address: fmt.Sprintf(at.street, 1+rng.IntN(2500)), city: at.city, country: at.country,
		state: orNull(at.state), postal: orNull(fill(rng, at.postal)),
		phone: fill(rng, at.phone), fax: maybe(rng, 0.8, fill(rng, at.phone)),
		company: maybe(rng, 0.83, pick(rng, companies)),
	}
	p.email = fmt.Sprintf("%s.%s%d@%s", mailName(p.first), mailName(p.last), number, pick(rng, mailDomains))
	return p
}

func (c *catalogue) person(i int) person { return newPerson(random("customer", i), i+1) }

func (c *catalogue) customer(i int) []any {
	p := c.person(i)
	rng := random("customer's contact", i)
	agent := 3 + rng.IntN(3)
	return []any{i + 1, p.first, p.last, p.company, p.address, p.city, p.state, p.country, p.postal,
		maybe(rng, 0.02, p.phone), p.fax, p.email, agent}
}

// lineTrack is the position of the track that an invoice line sells.
func (c *catalogue) lineTrack(line int) int {
	return random("invoice_line", line).IntN(c.scale * unitTracks)
}

func (c *catalogue) invoice(i int) []any {
	unit, position := i/unitInvoices, i%unitInvoices
	customer := random("invoice", i).IntN(c.scale * unitCustomers)
	p := c.person(customer)
	total := 0
	first := unit*unitLines + c.firstLine[position]
	for line := first; line < first+invoiceSizes[position%len(invoiceSizes)]; line++ {
		total += trackPrice(c.lineTrack(line))
	}
	const fiveYears = 5 * 365
	date := day(2021, i*fiveYears/(c.scale*unitInvoices))
	return []any{i + 1, customer + 1, date, p.address, p.city, p.state, p.country, p.postal, cents(total)}
}

func (c *catalogue) invoiceLine(i int) []any {
	unit, position := i/unitLines, i%unitLines
	track := c.lineTrack(i)
	return []any{i + 1, unit*unitInvoices + c.lineInvoice[position] + 1, track + 1, cents(trackPrice(track)), 1}
}

func (c *catalogue) playlistTrack(i int) []any {
	// The last playlist that starts at or before i; empty ones start where the next one does.
	playlist := len(c.playlistStart) - 1
	for c.playlistStart[playlist] > i || playlistSizes[playlist] == 0 {
		playlist--
	}
	n := i - c.playlistStart[playlist]
	size := playlistSizes[playlist]
	return []any{playlist + 1, n/size*unitTracks + c.playlistTracks[playlist][n%size] + 1}
}
